package org.fatezero.video;

/**
 * A frame of 8-bit RGB.
 *
 * @param rgb red, green and blue of each pixel, row by row with nothing between: {@code 3 * width * height} bytes
 */
public record Frame(int width, int height, byte[] rgb) {

    private static final int MOST_PIXELS = 1 << 26;

    /** @throws IllegalArgumentException unless there are as many bytes as pixels need */
    public Frame {
        if (!fits(width, height) || rgb.length != 3 * width * height) {
            throw new IllegalArgumentException("a frame of " + width + "x" + height + " in " + rgb.length + " bytes");
        }
    }

    static boolean fits(int width, int height) {
        return width > 0 && height > 0 && (long) width * height <= MOST_PIXELS;
    }

    /** {@code 640x360}. */
    public String size() {
        return width + "x" + height;
    }

    /** The frame turned clockwise by so many quarters, 0 to 3. */
    Frame turned(int quarters) {
        Frame frame = this;
        for (int i = 0; i < quarters; i++) {
            frame = frame.turned();
        }
        return frame;
    }

    /** The frame with its last row first. */
    Frame flipped() {
        byte[] flipped = new byte[rgb.length];
        int row = 3 * width;
        for (int y = 0; y < height; y++) {
            System.arraycopy(rgb, y * row, flipped, (height - 1 - y) * row, row);
        }
        return new Frame(width, height, flipped);
    }

    private Frame turned() {
        byte[] turned = new byte[rgb.length];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                System.arraycopy(rgb, 3 * (y * width + x), turned, 3 * (x * height + height - 1 - y), 3);
            }
        }
        return new Frame(height, width, turned);
    }
}
