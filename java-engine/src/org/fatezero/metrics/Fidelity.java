package org.fatezero.metrics;

import org.fatezero.video.Frame;

/** How near an edited clip is to its source: over whole frames, and inside and outside the region that was to be edited. */
public final class Fidelity {

    private static final double LEAST_ERROR = 1e-3; // of the mean square, so that equal clips have a number: 78 dB
    private static final int WHITE = 3 * 128;

    /** Sums over some pixels of a clip; SSIM's leave out the edges, where no whole window fits. */
    private static final class Sums {
        private double squares;
        private long samples;
        private double similarities;
        private long windows;

        Sums plus(Sums other) {
            Sums sum = new Sums();
            sum.squares = squares + other.squares;
            sum.samples = samples + other.samples;
            sum.similarities = similarities + other.similarities;
            sum.windows = windows + other.windows;
            return sum;
        }

        Figures figures() {
            return new Figures(samples == 0 ? null : 10 * Math.log10(255 * 255 / Math.max(squares / samples, LEAST_ERROR)),
                    windows == 0 ? null : similarities / windows);
        }
    }

    /**
     * What is told of some pixels of a clip.
     *
     * @param psnr in dB, over the pixels of all frames; null if there are none
     * @param ssim -1 to 1, where it can be told; null if nowhere
     */
    public record Figures(Double psnr, Double ssim) {
    }

    private final Sums inside = new Sums();
    private final Sums outside = new Sums();

    /**
     * Adds the next frame of both.
     *
     * @param mask white where the edit was to happen; null if there is none: all is outside then
     * @throws IllegalArgumentException if their sizes differ
     */
    public void add(Frame source, Frame edited, Frame mask) {
        if (!source.size().equals(edited.size()) || mask != null && !mask.size().equals(edited.size())) {
            throw new IllegalArgumentException("the frames have different sizes: the source's are " + source.size() + ", the edit's "
                    + edited.size() + (mask == null ? "" : ", the mask's " + mask.size()));
        }
        for (int i = 0; i < source.rgb().length; i++) {
            double error = sample(source, i) - sample(edited, i);
            Sums sums = sums(mask, i / 3);
            sums.squares += error * error;
            sums.samples++;
        }
        int narrow = source.width() - 2 * Ssim.MARGIN;
        for (int channel = 0; channel < 3; channel++) {
            double[] map = Ssim.map(source, edited, channel);
            for (int i = 0; i < map.length; i++) {
                Sums sums = sums(mask, (i / narrow + Ssim.MARGIN) * source.width() + i % narrow + Ssim.MARGIN);
                sums.similarities += map[i];
                sums.windows++;
            }
        }
    }

    private Sums sums(Frame mask, int pixel) {
        boolean white = mask != null && sample(mask, 3 * pixel) + sample(mask, 3 * pixel + 1) + sample(mask, 3 * pixel + 2) >= WHITE;
        return white ? inside : outside;
    }

    private static int sample(Frame frame, int i) {
        return Byte.toUnsignedInt(frame.rgb()[i]);
    }

    public Figures whole() {
        return inside.plus(outside).figures();
    }

    public Figures inside() {
        return inside.figures();
    }

    public Figures outside() {
        return outside.figures();
    }
}
