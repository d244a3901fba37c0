package org.fatezero.cli;

import org.fatezero.video.Frame;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import javax.imageio.ImageIO;

/** Pictures in rows, each with its name below it. */
final class ContactSheet {

    private static final int WIDEST = 384;  // pixels of a picture
    private static final int NARROWEST = 192;
    private static final int GAP = 8;
    private static final int DOT = 2;       // pixels of a letter's dot
    private static final int LABEL = 7 * DOT;

    /**
     * Letters of 3 by 5 dots, an octal digit a row from the top. Fonts of Java's own need libraries and files that a machine without a
     * screen may lack.
     */
    private static final Map<Character, String> LETTERS = letters("a25755 b65656 c34443 d65556 e74647 f74644 g34553 h55755 i72227 j11152 "
            + "k55655 l44447 m57755 n65555 o25552 p65644 q25563 r65655 s34216 t72222 u55557 v55552 w55775 x55255 y55222 z71247 "
            + "075557 126227 271747 371717 455711 574717 674757 771111 875757 975717 -00700 _00007 .00002");
    private static final String UNKNOWN = "77777";

    private final List<String> names = new ArrayList<>();
    private final List<BufferedImage> pictures = new ArrayList<>();

    private static Map<Character, String> letters(String all) {
        return List.of(all.split(" ")).stream().collect(Collectors.toUnmodifiableMap(text -> text.charAt(0), text -> text.substring(1)));
    }

    /** Another picture, to the right of the last one or below. */
    void add(String name, Frame frame) {
        BufferedImage image = new BufferedImage(frame.width(), frame.height(), BufferedImage.TYPE_INT_RGB);
        byte[] rgb = frame.rgb();
        for (int i = 0; i < frame.width() * frame.height(); i++) {
            int colour = (rgb[3 * i] & 255) << 16 | (rgb[3 * i + 1] & 255) << 8 | rgb[3 * i + 2] & 255;
            image.setRGB(i % frame.width(), i / frame.width(), colour);
        }
        names.add(name);
        pictures.add(image);
    }

    /** @throws IOException if the file cannot be written */
    void write(Path png) throws IOException {
        int columns = (int) Math.ceil(Math.sqrt(pictures.size()));
        int rows = (pictures.size() + columns - 1) / columns;
        BufferedImage first = pictures.get(0);
        int width = Math.max(NARROWEST, Math.min(first.getWidth(), WIDEST));
        int height = Math.max(1, Math.round((float) first.getHeight() * width / first.getWidth()));
        int sheetWidth = columns * (width + GAP) + GAP;
        int sheetHeight = rows * (height + LABEL + GAP) + GAP;
        BufferedImage sheet = new BufferedImage(sheetWidth, sheetHeight, BufferedImage.TYPE_INT_RGB);
        Graphics2D pen = sheet.createGraphics();
        pen.setRenderingHint(RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BICUBIC);
        pen.setColor(Color.WHITE);
        pen.fillRect(0, 0, sheet.getWidth(), sheet.getHeight());
        pen.setColor(Color.BLACK);
        for (int i = 0; i < pictures.size(); i++) {
            int x = GAP + i % columns * (width + GAP);
            int y = GAP + i / columns * (height + LABEL + GAP);
            pen.drawImage(pictures.get(i), x, y, width, height, null);
            write(pen, names.get(i), x, y + height + DOT);
        }
        pen.dispose();
        if (!ImageIO.write(sheet, "png", png.toFile())) {
            throw new IOException(png + ": this Java writes no PNG");
        }
    }

    private static void write(Graphics2D pen, String text, int x, int y) {
        for (int i = 0; i < text.length(); i++) {
            String rows = LETTERS.getOrDefault(Character.toLowerCase(text.charAt(i)), UNKNOWN);
            for (int dot = 0; dot < 15; dot++) {
                if ((rows.charAt(dot / 3) - '0' >> 2 - dot % 3 & 1) == 1) {
                    pen.fillRect(x + (4 * i + dot % 3) * DOT, y + dot / 3 * DOT, DOT, DOT);
                }
            }
        }
    }
}
