package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/**
 * A 3x3 convolution of the UNet, and what a tuned checkpoint may have after it: one over three consecutive frames at each position.
 *
 * @param temporal1 {@code (channels, channels, 3, 1)}, or {@code (rank, channels, 3, 1)} of a low-rank one; none of others
 * @param temporal2 the bias of {@code temporal1}, or {@code (channels, rank, 3, 1)} of a low-rank one, whose result is added to its input
 */
record VideoConv(Torch torch, Conv2d spatial, NDArray temporal1, NDArray temporal2) {

    static VideoConv read(Weights w, int in, int out, int stride) throws IOException {
        Conv2d spatial = Conv2d.read(w, in, out, 3, stride, 1);
        NDArray[] temporal = temporal(w, out);
        return new VideoConv(w.torch(), spatial, temporal[0], temporal[1]);
    }

    /** {@code temporal1} and {@code temporal2}. */
    static NDArray[] temporal(Weights w, int channels) throws IOException {
        Weights temporal = w.at("conv_temporal");
        if (temporal.has("down.weight")) {
            long rank = temporal.extent("down.weight");
            return new NDArray[] {temporal.get("down.weight", rank, channels, 3, 1), temporal.get("up.weight", channels, rank, 3, 1)};
        }
        NDArray none = w.torch().none();
        return temporal.has("weight") ? new NDArray[] {temporal.get("weight", channels, channels, 3, 1), temporal.get("bias", channels)}
                : new NDArray[] {none, none};
    }
}
