package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.tensor.Layers;
import org.fatezero.tensor.Operation;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/**
 * A square convolution. Its weights lie in the layout that {@link Layers} gives them. From the networks' first layer on feature maps
 * have their channels innermost: what convolutions are fastest on, and what attention reads as tokens without a copy.
 */
public record Conv2d(Torch torch, NDArray weight, NDArray bias, int stride, int padding) {

    /** A convolution that keeps the size of its input: padding {@code kernel / 2}, stride 1. */
    public static Conv2d read(Weights w, int in, int out, int kernel) throws IOException {
        return read(w, in, out, kernel, 1, kernel / 2);
    }

    public static Conv2d read(Weights w, int in, int out, int kernel, int stride, int padding) throws IOException {
        NDArray weight = w.torch().layers().ofConvolution(w.get("weight", out, in, kernel, kernel), stride, padding);
        return new Conv2d(w.torch(), weight, w.get("bias", out), stride, padding);
    }

    /**
     * A 3x3 convolution of a map that is made larger first, by repeating its cells: {@code run(x (n, channels, h, w), height, width)}.
     *
     * @param bias of it, {@code (channels)}
     */
    public static Operation upsampling(Weights w, NDArray bias) throws IOException {
        Layers layers = w.torch().layers();
        long channels = bias.size();
        NDArray planar = w.get("weight", channels, channels, 3, 3);
        NDArray phases = layers.ofPhases(planar);
        return w.torch().operation("upsampled", layers.ofConvolution(planar, 1, 1), bias, phases, layers.biasOfPhases(bias));
    }

    /** @param x {@code (n, in, h, w)} */
    public NDArray forward(NDArray x) {
        return torch.conv2d(x, weight, bias, stride, padding);
    }
}
