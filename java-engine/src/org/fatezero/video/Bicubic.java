package org.fatezero.video;


/**
 * Pillow's bicubic resize of 8-bit samples, to the last bit: CLIP models see what it gives. It averages over as many pixels as
 * become one (antialiasing), across first and then down, each time in fixed point and rounded to 8 bits. libtorch's resize
 * rounds otherwise.
 */
final class Bicubic {

    private static final double A = -0.5;       // the kernel's slope at 1 (Keys 1981)
    private static final double SUPPORT = 2;
    private static final int PRECISION = 22;    // bits after the point: 32, less 8 of a sample, 1 of overshoot and 1 of sign

    private Bicubic() {
    }

    static Frame resize(Frame frame, int width, int height) {
        byte[] across = width == frame.width() ? frame.rgb()
                : resample(frame.rgb(), frame.height(), frame.width(), width, 3);
        byte[] down = height == frame.height() ? across : resample(across, 1, frame.height(), height, 3 * width);
        return new Frame(width, height, down);
    }

    /**
     * @param samples {@code (outer, from, inner)}
     * @return {@code (outer, to, inner)}
     */
    private static byte[] resample(byte[] samples, int outer, int from, int to, int inner) {
        double scale = (double) from / to;
        double wide = Math.max(scale, 1); // enlarging blurs nothing
        byte[] result = new byte[outer * to * inner];
        for (int i = 0; i < to; i++) {
            double centre = (i + 0.5) * scale;
            int first = Math.max((int) (centre - SUPPORT * wide + 0.5), 0);
            int[] weights = weights(first, Math.min((int) (centre + SUPPORT * wide + 0.5), from), centre, wide);
            for (int o = 0; o < outer; o++) {
                for (int c = 0; c < inner; c++) {
                    int sum = 1 << PRECISION - 1;
                    for (int k = 0; k < weights.length; k++) {
                        sum += weights[k] * Byte.toUnsignedInt(samples[(o * from + first + k) * inner + c]);
                    }
                    result[(o * to + i) * inner + c] = (byte) Math.max(0, Math.min(sum >> PRECISION, 255));
                }
            }
        }
        return result;
    }

    /** Of the samples {@code first ... end - 1}, in fixed point; they sum to one. */
    private static int[] weights(int first, int end, double centre, double wide) {
        double[] weights = new double[end - first];
        double sum = 0;
        for (int k = 0; k < weights.length; k++) {
            weights[k] = kernel((first + k - centre + 0.5) / wide);
            sum += weights[k];
        }
        int[] fixed = new int[weights.length];
        for (int k = 0; k < fixed.length; k++) {
            double weight = weights[k] / sum * (1 << PRECISION);
            fixed[k] = (int) (weight < 0 ? weight - 0.5 : weight + 0.5);
        }
        return fixed;
    }

    private static double kernel(double x) {
        double d = Math.abs(x);
        if (d < 1) {
            return ((A + 2) * d - (A + 3)) * d * d + 1;
        }
        return d < 2 ? (((d - 5) * d + 8) * d - 4) * A : 0;
    }
}
