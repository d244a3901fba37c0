package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/**
 * A square convolution. Its weights lie with their channels innermost and so, from the networks' first layer on, do the
 * feature maps: what convolutions are fastest on, and what attention reads as tokens without a copy.
 */
public record Conv2d(Torch torch, NDArray weight, NDArray bias, int stride, int padding) {

    /** A convolution that keeps the size of its input: padding {@code kernel / 2}, stride 1. */
    public static Conv2d read(Weights w, int in, int out, int kernel) throws IOException {
        return read(w, in, out, kernel, 1, kernel / 2);
    }

    public static Conv2d read(Weights w, int in, int out, int kernel, int stride, int padding) throws IOException {
        try (NDArray planar = w.get("weight", out, in, kernel, kernel)) {
            return new Conv2d(w.torch(), w.torch().channelsLast(planar), w.get("bias", out), stride, padding);
        }
    }

    /** @param x {@code (n, in, h, w)} */
    public NDArray forward(NDArray x) {
        return torch.conv2d(x, weight, bias, stride, padding);
    }
}
