package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.forward.Level;
import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.Site;
import org.fatezero.tensor.Operation;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/** A transformer block over the positions of a feature map, between two 1x1 convolutions and around a shortcut. */
public final class SpatialTransformer {

    private static final double EPS = 1e-6;

    private final String name;
    private final Site.Part part;
    private final Level level;
    private final Operation in; // maps to tokens
    private final TransformerBlock block;
    private final Operation out; // and back

    public SpatialTransformer(Weights w, Site.Part part, Level level, int channels, int textWidth, int heads, int groups)
            throws IOException {
        name = w.name();
        this.part = part;
        this.level = level;
        Torch torch = w.torch();
        GroupNorm norm = GroupNorm.read(w.at("norm"), groups, channels, EPS);
        Conv2d projIn = Conv2d.read(w.at("proj_in"), channels, channels, 1);
        in = torch.operation("tokens", groups, EPS, norm.weight(), norm.bias(), projIn.weight(), projIn.bias());
        block = new TransformerBlock(w.at("transformer_blocks.0"), channels, textWidth, heads);
        Conv2d projOut = Conv2d.read(w.at("proj_out"), channels, channels, 1);
        out = torch.operation("maps", projOut.weight(), projOut.bias());
    }

    /**
     * @param x {@code (branches * frames, channels, h, w)}
     * @param text {@code (branches, tokens, textWidth)}
     */
    public NDArray forward(NDArray x, NDArray text, ForwardContext context) {
        try (Scope scope = new Scope(x, text)) {
            long[] shape = x.getShape().getShape();
            int h = (int) shape[2];
            int w = (int) shape[3];
            Site self = context.site(name + ".attn1", part, false, level, h, w);
            Site cross = context.site(name + ".attn2", part, true, level, h, w);
            NDArray y = block.forward(in.run(x), text, self, cross, context);
            return scope.keep(out.run(y, x));
        }
    }
}
