package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.tensor.Weights;

import java.io.IOException;

/** A 3x3 convolution of the UNet, and what a tuned checkpoint may have after it: one over frames, else {@code temporal} is null. */
public record VideoConv(Conv2d spatial, TemporalConv temporal) {

    public static VideoConv read(Weights w, int in, int out) throws IOException {
        return read(w, in, out, 1);
    }

    public static VideoConv read(Weights w, int in, int out, int stride) throws IOException {
        return new VideoConv(Conv2d.read(w, in, out, 3, stride, 1), TemporalConv.read(w.at("conv_temporal"), out));
    }

    /** @param x {@code (branches * frames, in, h, w)} */
    public NDArray forward(NDArray x, int frames) {
        NDArray y = spatial.forward(x);
        if (temporal == null) {
            return y;
        }
        try (y) {
            return temporal.forward(y, frames);
        }
    }
}
