package org.fatezero.nn;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;

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

    /** The same in the layout that is fastest for many rows; this one is not to be used again. */
    public Linear laidOut() {
        return new Linear(torch, torch.layers().ofLinear(weight), bias);
    }

    /** Two layers, for the first half of the outputs and for the second, each laid out; this one is not to be used again. */
    public Linear[] halves() {
        try (weight; bias) {
            NDList weights = weight.split(2);
            NDList biases = bias.split(2);
            Linear first = new Linear(torch, weights.get(0), biases.get(0)).laidOut();
            Linear second = new Linear(torch, weights.get(1), biases.get(1)).laidOut();
            return new Linear[] {first, second};
        }
    }

    /** @param x {@code (..., in)} */
    public NDArray forward(NDArray x) {
        return torch.linear(x, weight, bias);
    }
}
