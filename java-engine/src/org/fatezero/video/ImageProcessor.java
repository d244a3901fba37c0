package org.fatezero.video;

import org.fatezero.io.ModelConfig;

import java.io.IOException;
import java.nio.FloatBuffer;

/**
 * What CLIP and BLIP see of a frame: resized, for CLIP its middle cut out, and normalised as {@code preprocessor_config.json} says.
 *
 * @param width that a frame gets, 0 if the short side gets {@code shortSide}
 * @param height likewise
 * @param crop side of the square in the middle
 * @param scale factor on samples of 0 to 255
 */
public record ImageProcessor(int shortSide, int width, int height, int crop, double scale, double[] mean, double[] std) {

    private static final int BICUBIC = 3; // Pillow's number
    private static final int LARGEST = 4096;
    private static final int LONGEST = 1 << 14;

    /** @throws IOException naming the key that is not supported */
    public static ImageProcessor read(ModelConfig config) throws IOException {
        for (String step : new String[] {"do_resize", "do_rescale", "do_normalize"}) {
            if (!config.flag(step, true)) {
                throw config.wrong(step, "true");
            }
        }
        if (config.integer("resample", BICUBIC) != BICUBIC) {
            throw config.wrong("resample", BICUBIC + ", bicubic");
        }
        // older files have plain numbers
        int shortSide = config.nests("size") ? config.at("size").integer("shortest_edge", 0) : config.integer("size", 224);
        int width = shortSide > 0 ? 0 : config.at("size").integer("width", null);
        int height = shortSide > 0 ? 0 : config.at("size").integer("height", null);
        if (!config.flag("do_center_crop", config.text("image_processor_type", "CLIP").startsWith("CLIP"))) {
            if (shortSide > 0 || width != height || width < 1 || width > LARGEST) {
                throw config.wrong("size", "a square of 1 to " + LARGEST + " pixels, since nothing is cut out");
            }
            return normalising(config, 0, width, height, width);
        }
        int crop = config.nests("crop_size") ? config.at("crop_size").integer("height", 224) : config.integer("crop_size", 224);
        if (config.nests("crop_size") && config.at("crop_size").integer("width", 224) != crop) {
            throw config.wrong("crop_size", "a square");
        }
        int smallest = shortSide > 0 ? shortSide : Math.min(width, height);
        if (crop < 1 || crop > smallest || Math.max(smallest, Math.max(width, height)) > LARGEST) {
            throw config.wrong("size", "crop_size, which is " + crop + ", to " + LARGEST);
        }
        return normalising(config, shortSide, width, height, crop);
    }

    private static ImageProcessor normalising(ModelConfig config, int shortSide, int width, int height, int crop) throws IOException {
        double[] std = config.numbers("image_std", 0.26862954, 0.26130258, 0.27577711);
        for (double deviation : std) {
            if (!(deviation > 0)) {
                throw config.wrong("image_std", "positive numbers");
            }
        }
        return new ImageProcessor(shortSide, width, height, crop, config.number("rescale_factor", 1 / 255.0),
                config.numbers("image_mean", 0.48145466, 0.4578275, 0.40821073), std);
    }

    /**
     * Writes the pixels of a frame, {@code (3, crop, crop)}.
     *
     * @throws IllegalArgumentException if the frame is too narrow a strip to resize
     */
    public void write(Frame frame, FloatBuffer pixels) {
        Frame sized = resize(frame);
        int left = (sized.width() - crop) / 2;
        int top = (sized.height() - crop) / 2;
        for (int channel = 0; channel < 3; channel++) {
            for (int y = top; y < top + crop; y++) {
                for (int x = left; x < left + crop; x++) {
                    int sample = Byte.toUnsignedInt(sized.rgb()[3 * (y * sized.width() + x) + channel]);
                    pixels.put((float) ((sample * scale - mean[channel]) / std[channel]));
                }
            }
        }
    }

    private Frame resize(Frame frame) {
        if (shortSide == 0) {
            return Bicubic.resize(frame, width, height);
        }
        boolean upright = frame.width() <= frame.height();
        long longSide = (long) shortSide * Math.max(frame.width(), frame.height()) / Math.min(frame.width(), frame.height());
        if (longSide > LONGEST) {
            throw new IllegalArgumentException("frames of " + frame.size() + " are too narrow for CLIP");
        }
        return Bicubic.resize(frame, upright ? shortSide : (int) longSide, upright ? (int) longSide : shortSide);
    }
}
