package org.fatezero.show;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;

/**
 * Numbers from 0 to 1 as colours that grow brighter evenly: straight lines between five colours of viridis (S. van der Walt
 * and N. Smith), violet, blue, teal, green, yellow.
 */
final class Heat {

    private static final int[][] COLOURS = {{68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {253, 231, 37}};

    private Heat() {
    }

    /** @return {@code (1, 3, h, w)} in [-1, 1] of {@code heat (1, 1, h, w)}; belongs to its manager */
    static NDArray colours(NDArray heat) {
        NDArray at = heat.clip(0, 1).mul(COLOURS.length - 1);
        NDArray colours = null;
        for (int i = 0; i < COLOURS.length; i++) {
            float[] rgb = new float[3];
            for (int c = 0; c < 3; c++) {
                rgb[c] = COLOURS[i][c] / 127.5f - 1;
            }
            NDArray share = at.sub(i).abs().neg().add(1).maximum(0); // 1 at this colour, 0 at its neighbours
            NDArray part = share.mul(heat.getManager().create(rgb, new Shape(1, 3, 1, 1)));
            colours = colours == null ? part : colours.add(part);
        }
        return colours;
    }
}
