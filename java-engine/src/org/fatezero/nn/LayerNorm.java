package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/** Normalisation over the last axis. */
public record LayerNorm(Torch torch, NDArray weight, NDArray bias, double eps) {

    public static LayerNorm read(Weights w, int width, double eps) throws IOException {
        return new LayerNorm(w.torch(), w.get("weight", width), w.get("bias", width), eps);
    }

    public NDArray forward(NDArray x) {
        return torch.layerNorm(x, weight, bias, eps);
    }
}
