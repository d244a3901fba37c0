package org.fatezero.metrics;

import org.fatezero.video.Frame;

/** Structural similarity (Wang et al. 2004) with their Gaussian windows of 11x11 pixels and deviation 1.5, channel by channel. */
final class Ssim {

    /** Pixels at each edge where no whole window fits. */
    static final int MARGIN = 5;

    private static final double C1 = Math.pow(0.01 * 255, 2);
    private static final double C2 = Math.pow(0.03 * 255, 2);
    private static final double[] WINDOW = window();

    private Ssim() {
    }

    private static double[] window() {
        double[] window = new double[2 * MARGIN + 1];
        double sum = 0;
        for (int i = 0; i < window.length; i++) {
            window[i] = Math.exp(-0.5 * Math.pow((i - MARGIN) / 1.5, 2));
            sum += window[i];
        }
        for (int i = 0; i < window.length; i++) {
            window[i] /= sum;
        }
        return window;
    }

    /**
     * The similarity around each pixel that a whole window fits around.
     *
     * @param channel 0 to 2
     * @return {@code (height - 2 MARGIN, width - 2 MARGIN)}, flat; empty for frames smaller than a window
     */
    static double[] map(Frame a, Frame b, int channel) {
        int width = a.width();
        int height = a.height();
        if (Math.min(width, height) < WINDOW.length) {
            return new double[0];
        }
        double[] x = new double[width * height];
        double[] y = new double[width * height];
        for (int i = 0; i < x.length; i++) {
            x[i] = Byte.toUnsignedInt(a.rgb()[3 * i + channel]);
            y[i] = Byte.toUnsignedInt(b.rgb()[3 * i + channel]);
        }
        double[] meanX = blurred(x, width);
        double[] meanY = blurred(y, width);
        double[] squareX = blurred(times(x, x), width);
        double[] squareY = blurred(times(y, y), width);
        double[] product = blurred(times(x, y), width);
        double[] map = new double[meanX.length];
        for (int i = 0; i < map.length; i++) {
            double means = meanX[i] * meanY[i];
            double squares = meanX[i] * meanX[i] + meanY[i] * meanY[i];
            map[i] = (2 * means + C1) * (2 * (product[i] - means) + C2)
                    / ((squares + C1) * (squareX[i] + squareY[i] - squares + C2));
        }
        return map;
    }

    private static double[] times(double[] a, double[] b) {
        double[] product = new double[a.length];
        for (int i = 0; i < product.length; i++) {
            product[i] = a[i] * b[i];
        }
        return product;
    }

    /** {@code x (height, width)} under the window, where it fits. */
    private static double[] blurred(double[] x, int width) {
        int height = x.length / width;
        int narrow = width - 2 * MARGIN;
        double[] across = new double[height * narrow];
        for (int i = 0; i < across.length; i++) {
            int first = i / narrow * width + i % narrow;
            for (int k = 0; k < WINDOW.length; k++) {
                across[i] += WINDOW[k] * x[first + k];
            }
        }
        double[] blurred = new double[(height - 2 * MARGIN) * narrow];
        for (int k = 0; k < WINDOW.length; k++) {
            for (int i = 0; i < blurred.length; i++) {
                blurred[i] += WINDOW[k] * across[i + k * narrow];
            }
        }
        return blurred;
    }
}
