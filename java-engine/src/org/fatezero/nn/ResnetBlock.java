package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.forward.ForwardContext;
import org.fatezero.tensor.Operation;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/** Two normalised 3x3 convolutions around a shortcut; in the UNet the time embedding is added between them. */
public final class ResnetBlock {

    private static final ForwardContext EACH = ForwardContext.plain(1);

    private final String name;
    private final Operation whole; // all that follows
    private final ConvLayer conv1;
    private final ConvLayer conv2;
    private final Operation shortcut; // a 1x1 convolution where the number of channels changes

    /** @param timeWidth length of the time embedding, 0 for none */
    public ResnetBlock(Weights w, int in, int out, int timeWidth, int groups, double eps) throws IOException {
        name = w.name();
        Torch torch = w.torch();
        Linear time = timeWidth == 0 ? null : Linear.read(w.at("time_emb_proj"), timeWidth, out);
        conv1 = ConvLayer.normed(GroupNorm.read(w.at("norm1"), groups, in, eps), w.at("conv1"), in, out, time);
        conv2 = ConvLayer.normed(GroupNorm.read(w.at("norm2"), groups, out, eps), w.at("conv2"), out, out, null);
        Conv2d projection = in == out ? null : Conv2d.read(w.at("conv_shortcut"), in, out, 1);
        shortcut = torch.operation("shortcut", projection == null ? torch.none() : projection.weight(),
                projection == null ? torch.none() : projection.bias());
        whole = torch.operation("resnet", conv1.operation(), conv2.operation(), shortcut);
    }

    /** @param x {@code (n, in, h, w)} */
    public NDArray forward(NDArray x) {
        return forward(x, null, EACH);
    }

    /**
     * @param x {@code (n, in, h, w)}
     * @param time the embedding after its SiLU, {@code (1, timeWidth)} or {@code (n, timeWidth)}; null where the block takes none
     * @return {@code (n, out, h, w)}
     */
    public NDArray forward(NDArray x, NDArray time, ForwardContext context) {
        if (!context.hook().watches(name)) {
            return whole.run(x, conv1.orNone(time), context.frames(), context.window().normFrames());
        }
        try (Scope scope = new Scope(x)) {
            NDArray h = conv2.normed(conv1.normed(x, time, context), null, context);
            return scope.keep(shortcut.run(context.hook().feature(name, h), x));
        }
    }
}
