package org.fatezero;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;

import javax.imageio.ImageIO;

/** A gray JPEG picture that looks alike from no two sides, as a camera writes it. */
public final class Photograph {

    public static final int WIDTH = 32;
    public static final int HEIGHT = 16;

    private Photograph() {
    }

    /** @param orientation as Exif counts it, 1 to 8 */
    public static byte[] jpeg(int orientation) throws IOException {
        BufferedImage image = new BufferedImage(WIDTH, HEIGHT, BufferedImage.TYPE_BYTE_GRAY);
        image.createGraphics().fillRect(0, 0, WIDTH / 4, HEIGHT);
        image.createGraphics().fillRect(0, 0, WIDTH, HEIGHT / 4);
        ByteArrayOutputStream jpeg = new ByteArrayOutputStream();
        ImageIO.write(image, "jpeg", jpeg);
        byte[] plain = jpeg.toByteArray();
        byte[] exif = {'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, (byte) orientation,
            0, 0, 0, 0, 0, 0};
        ByteBuffer whole = ByteBuffer.allocate(plain.length + 4 + exif.length);
        whole.put(plain, 0, 2).putShort((short) 0xffe1).putShort((short) (2 + exif.length)).put(exif).put(plain, 2, plain.length - 2);
        return whole.array();
    }
}
