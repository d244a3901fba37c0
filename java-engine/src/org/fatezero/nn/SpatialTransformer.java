package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.forward.Level;
import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.Site;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/** A transformer block over the positions of a feature map, between two 1x1 convolutions and around a shortcut. */
public final class SpatialTransformer {

    private static final double EPS = 1e-6;

    private final String name;
    private final Site.Half half;
    private final Level level;
    private final Torch torch;
    private final GroupNorm norm;
    private final Conv2d projIn;
    private final TransformerBlock block;
    private final Conv2d projOut;

    public SpatialTransformer(Weights w, Site.Half half, Level level, int channels, int textWidth, int heads, int groups)
            throws IOException {
        name = w.name();
        this.half = half;
        this.level = level;
        torch = w.torch();
        norm = GroupNorm.read(w.at("norm"), groups, channels, EPS);
        projIn = Conv2d.read(w.at("proj_in"), channels, channels, 1);
        block = new TransformerBlock(w.at("transformer_blocks.0"), channels, textWidth, heads);
        projOut = Conv2d.read(w.at("proj_out"), channels, channels, 1);
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
            NDArray y = projIn.forward(norm.forward(x));
            y = y.reshape(shape[0], shape[1], (long) h * w).transpose(0, 2, 1); // (n, positions, channels)
            y = block.forward(y, text, context.site(name + ".attn1", half, false, level, h, w), context.site(name + ".attn2", half, true, level, h, w),
                    context);
            y = y.transpose(0, 2, 1).reshape(shape); // (n, channels, h, w)
            return scope.keep(torch.addTo(projOut.forward(y), x));
        }
    }
}
