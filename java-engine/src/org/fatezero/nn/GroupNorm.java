package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/** Normalisation over groups of channels of {@code (n, c, h, w)}. */
public record GroupNorm(Torch torch, int groups, NDArray weight, NDArray bias, double eps) {

    public static GroupNorm read(Weights w, int groups, int channels, double eps) throws IOException {
        return new GroupNorm(w.torch(), groups, w.get("weight", channels), w.get("bias", channels), eps);
    }

    public NDArray forward(NDArray x) {
        return torch.groupNorm(x, groups, weight, bias, eps);
    }

    /** Normalisation, then SiLU. */
    public NDArray forwardSilu(NDArray x) {
        return torch.groupNormSilu(x, groups, weight, bias, eps);
    }

    /**
     * {@link #forwardSilu} with statistics that consecutive frames share.
     *
     * @param x {@code (branches * frames, c, h, w)}
     * @param frames how many frames share their statistics; 1 for each its own
     */
    public NDArray forwardSilu(NDArray x, int frames) {
        if (frames == 1) {
            return forwardSilu(x);
        }
        try (Scope scope = new Scope(x)) {
            long[] shape = x.getShape().getShape();
            NDArray window = x.reshape(-1, frames, shape[1], shape[2] * shape[3]).transpose(0, 2, 1, 3); // (b, c, f, hw)
            NDArray y = forwardSilu(window).transpose(0, 2, 1, 3);                                      // (b, f, c, hw)
            return scope.keep(y.reshape(shape));
        }
    }
}
