package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/** {@code y = x W^T + b} over the last axis; {@code bias} is null where the checkpoint has none. */
public record Linear(Torch torch, NDArray weight, NDArray bias) {

    public static Linear read(Weights w, int in, int out) throws IOException {
        return new Linear(w.torch(), w.get("weight", out, in), w.get("bias", out));
    }

    public static Linear readWithoutBias(Weights w, int in, int out) throws IOException {
        return new Linear(w.torch(), w.get("weight", out, in), null);
    }

    /** @param x {@code (..., in)} */
    public NDArray forward(NDArray x) {
        return torch.linear(x, weight, bias);
    }
}
