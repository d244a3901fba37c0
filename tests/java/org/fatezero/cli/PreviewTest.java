package org.fatezero.cli;

import org.fatezero.options.Presets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import picocli.CommandLine;

import java.awt.image.BufferedImage;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;

import javax.imageio.ImageIO;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** {@code fatezero preview} and {@code fatezero presets}. */
class PreviewTest {

    private static final String JEEP = "tests/media/jeep.mp4";

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @TempDir
    private Path folder;

    private int run(Callable<Integer> command, String... arguments) {
        return new CommandLine(command).setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true))
                .setExecutionExceptionHandler((error, line, given) -> {
                    err.append(error.getMessage());
                    return 1;
                }).execute(arguments);
    }

    private int preview(String presets, String... more) {
        List<String> arguments = new ArrayList<>(List.of(JEEP, folder.resolve("out.png").toString(), "--preset", presets, "--steps", "2"));
        arguments.addAll(List.of(more));
        return run(new Preview(), arguments.toArray(String[]::new));
    }

    /** The n-th picture of a sheet of two columns, from 0, without its rim. */
    private static int[] pixels(BufferedImage sheet, int n) {
        int width = (sheet.getWidth() - 8) / 2;
        return sheet.getRGB(8 + n % 2 * width + 14, 40 + n / 2 * (sheet.getHeight() / 2), 100, 90, null, 0, 100);
    }

    @Test
    void theSheetHasTheSourceAndEachEdit() throws Exception {
        assertEquals(0, preview("monet,swap-object,recolor", "--set", "from=red", "--set", "to=blue", "--frame", "3"), err.toString());
        assertTrue(err.toString().contains("source: a red jeep driving"), err.toString());
        BufferedImage sheet = ImageIO.read(folder.resolve("out.png").toFile());
        for (int i = 0; i < 4; i++) {
            for (int j = 0; j < i; j++) {
                assertFalse(Arrays.equals(pixels(sheet, i), pixels(sheet, j)), i + " and " + j + " are the same picture");
            }
        }
    }

    /** The left half of the frame is white in the mask, the right one black. */
    @Test
    void outsideOfTheMaskTheFrameStays() throws Exception {
        BufferedImage mask = new BufferedImage(20, 10, BufferedImage.TYPE_BYTE_GRAY);
        mask.getRaster().setSamples(0, 0, 10, 10, 0, IntStream.generate(() -> 255).limit(100).toArray());
        Path file = folder.resolve("mask.png");
        ImageIO.write(mask, "png", file.toFile());
        assertEquals(0, preview("watercolor", "--frame", "2", "--mask", file.toString()), err.toString());
        BufferedImage sheet = ImageIO.read(folder.resolve("out.png").toFile());
        double inside = difference(sheet, 10);
        double outside = difference(sheet, 146);
        assertTrue(inside > 4 * outside, inside + " inside of the mask, " + outside + " outside");
    }

    /** Mean difference of source and edit, of 255, in 100 columns from column {@code from} of their 256. */
    private static double difference(BufferedImage sheet, int from) {
        int[] source = sheet.getRGB(8 + from, 40, 100, 200, null, 0, 100);
        int[] edit = sheet.getRGB(8 + 256 + 8 + from, 40, 100, 200, null, 0, 100);
        return IntStream.range(0, source.length).map(i -> IntStream.of(0, 8, 16)
                .map(bit -> Math.abs((source[i] >> bit & 255) - (edit[i] >> bit & 255))).sum()).average().orElseThrow() / 3;
    }

    @Test
    void wordsThatAreMissingAreTold() {
        assertEquals(1, preview("recolor"));
        assertTrue(err.toString().contains("say, for instance, fatezero=preset=recolor:from=red:to=blue"), err.toString());
        assertFalse(Files.exists(folder.resolve("out.png")));
    }

    /** Before anything is edited. */
    @Test
    void whatCannotBeDrawnIsTold() {
        assertEquals(2, preview("monet", "--set", "presets=a|b"));
        assertTrue(err.toString().contains("expected --preset=a,b"), err.toString());
        assertEquals(2, preview("monet", "--set", "edit=0|1"));
    }

    @Test
    void aFrameThatIsNotThereIsTold() {
        assertEquals(1, preview("monet", "--frame", "5000"));
        assertTrue(err.toString().contains("has no frame 5000, only "), err.toString());
    }

    @Test
    void everyPresetIsListedWithWhatItTakes() throws Exception {
        assertEquals(0, run(new ListPresets()), err.toString());
        assertEquals(Presets.shipped().size(), out.toString().lines().count());
        assertTrue(out.toString().lines().anyMatch(line -> line.matches("recolor +from= to= +Another colour .*")), out.toString());
        assertTrue(out.toString().lines().anyMatch(line -> line.matches("monet +A clip in the manner of Monet.*")), out.toString());
    }
}
