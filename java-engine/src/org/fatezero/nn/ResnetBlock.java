package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.forward.ForwardContext;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/** Two normalised 3x3 convolutions around a shortcut; in the UNet the time embedding is added between them. */
public final class ResnetBlock {

    private static final ForwardContext EACH = ForwardContext.plain(1);

    private final String name;
    private final Torch torch;
    private final GroupNorm norm1;
    private final VideoConv conv1;
    private final Linear timeEmbedding; // null in the VAE
    private final GroupNorm norm2;
    private final VideoConv conv2;
    private final Conv2d shortcut; // null where the number of channels stays

    /** @param timeWidth length of the time embedding, 0 for none */
    public ResnetBlock(Weights w, int in, int out, int timeWidth, int groups, double eps) throws IOException {
        name = w.name();
        torch = w.torch();
        norm1 = GroupNorm.read(w.at("norm1"), groups, in, eps);
        conv1 = VideoConv.read(w.at("conv1"), in, out);
        timeEmbedding = timeWidth == 0 ? null : Linear.read(w.at("time_emb_proj"), timeWidth, out);
        norm2 = GroupNorm.read(w.at("norm2"), groups, out, eps);
        conv2 = VideoConv.read(w.at("conv2"), out, out);
        shortcut = in == out ? null : Conv2d.read(w.at("conv_shortcut"), in, out, 1);
    }

    /** @param x {@code (n, in, h, w)} */
    public NDArray forward(NDArray x) {
        return forward(x, null, EACH);
    }

    /**
     * @param x {@code (n, in, h, w)}
     * @param time {@code (1, timeWidth)} or {@code (n, timeWidth)}, or null where the block takes none
     * @return {@code (n, out, h, w)}
     */
    public NDArray forward(NDArray x, NDArray time, ForwardContext context) {
        try (Scope scope = new Scope(x, time)) {
            NDArray h = conv1.forward(norm1.forwardSilu(x, context.window().normFrames()), context.frames());
            if (timeEmbedding != null) {
                NDArray t = timeEmbedding.forward(torch.silu(time));
                torch.addTo(h, t.reshape(t.getShape().get(0), t.getShape().get(1), 1, 1));
            }
            h = conv2.forward(norm2.forwardSilu(h, context.window().normFrames()), context.frames());
            h = context.hook().feature(name, h);
            return scope.keep(torch.addTo(h, shortcut == null ? x : shortcut.forward(x)));
        }
    }
}
