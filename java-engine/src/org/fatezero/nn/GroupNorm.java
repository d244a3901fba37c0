package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

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
        return torch.groupNormSilu(x, 1, groups, weight, bias, eps);
    }
}
