package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/**
 * A convolution over three consecutive frames at each position, which some tuned checkpoints have after their 2-D ones.
 *
 * @param weight {@code (channels, channels, 3, 1)}, or {@code (rank, channels, 3, 1)} of a low-rank one
 * @param bias null in a low-rank one
 * @param up {@code (channels, rank, 3, 1)} of a low-rank one, whose result is added to its input; null in others
 */
record TemporalConv(Torch torch, NDArray weight, NDArray bias, NDArray up) {

    /** The layer, or null where the checkpoint has none. */
    static TemporalConv read(Weights w, int channels) throws IOException {
        if (w.has("down.weight")) {
            long rank = w.extent("down.weight");
            return new TemporalConv(w.torch(), w.get("down.weight", rank, channels, 3, 1), null,
                    w.get("up.weight", channels, rank, 3, 1));
        }
        return w.has("weight") ? new TemporalConv(w.torch(), w.get("weight", channels, channels, 3, 1), w.get("bias", channels), null)
                : null;
    }

    /** @param x {@code (branches * frames, channels, h, w)} */
    NDArray forward(NDArray x, int frames) {
        try (Scope scope = new Scope(x)) {
            NDArray y = torch.temporalConv(x, frames, weight, bias);
            return scope.keep(up == null ? y : torch.addTo(torch.temporalConv(y, frames, up, null), x));
        }
    }
}
