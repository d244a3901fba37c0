package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.forward.ForwardContext;
import org.fatezero.tensor.Operation;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/** A {@link VideoConv}, with what is before it in the UNet: a norm with SiLU, or a larger map. */
public final class ConvLayer {

    private final Torch torch;
    private final NDArray bias;
    private final Operation operation;

    private ConvLayer(Torch torch, NDArray bias, Operation operation) {
        this.torch = torch;
        this.bias = bias;
        this.operation = operation;
    }

    private static ConvLayer of(VideoConv conv, Operation operation) {
        return new ConvLayer(conv.torch(), conv.spatial().bias(), operation);
    }

    /** A convolution alone. */
    public static ConvLayer plain(Weights w, int in, int out, int stride) throws IOException {
        VideoConv conv = VideoConv.read(w, in, out, stride);
        return of(conv, conv.torch().operation("conv", conv.spatial().weight(), conv.spatial().bias(), stride,
                conv.temporal1(), conv.temporal2()));
    }

    /** The same of a map that is made larger. */
    public static ConvLayer upsampling(Weights w, int channels) throws IOException {
        NDArray[] temporal = VideoConv.temporal(w, channels);
        NDArray bias = w.get("bias", channels);
        Operation spatial = Conv2d.upsampling(w, bias);
        return new ConvLayer(w.torch(), bias, w.torch().operation("upsample_conv", spatial, temporal[0], temporal[1]));
    }

    /**
     * A convolution after a norm with SiLU.
     *
     * @param w of the convolution
     * @param time projects the time embedding to what is added to each channel; null where nothing is
     */
    public static ConvLayer normed(GroupNorm norm, Weights w, int in, int out, Linear time) throws IOException {
        VideoConv conv = VideoConv.read(w, in, out, 1);
        Torch torch = conv.torch();
        return of(conv, torch.operation("norm_conv", norm.groups(), norm.eps(), norm.weight(), norm.bias(), conv.spatial().weight(),
                conv.spatial().bias(), conv.temporal1(), conv.temporal2(), time == null ? torch.none() : time.weight(),
                time == null ? torch.none() : time.bias()));
    }

    /** To be a part of another operation. */
    Operation operation() {
        return operation;
    }

    NDArray orNone(NDArray time) {
        return time == null ? torch.none() : time;
    }

    /** Whose precision and device the layer's input has. */
    public NDArray bias() {
        return bias;
    }

    /** @param x {@code (branches * frames, in, h, w)} */
    public NDArray plain(NDArray x, ForwardContext context) {
        return operation.run(x, context.frames());
    }

    /** @param first row of {@code x} from which on it is resized and convolved */
    public NDArray upsampling(NDArray x, int first, int height, int width, ForwardContext context) {
        return operation.run(x, first, height, width, context.frames());
    }

    /** @param time {@code (1, timeWidth)} or {@code (n, timeWidth)}; null where nothing is added */
    public NDArray normed(NDArray x, NDArray time, ForwardContext context) {
        return operation.run(x, orNone(time), context.frames(), context.window().normFrames());
    }
}
