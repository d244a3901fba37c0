package org.fatezero.unet;

import ai.djl.ndarray.NDArray;

import org.fatezero.forward.Level;
import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.Site;
import org.fatezero.nn.ConvLayer;
import org.fatezero.nn.ResnetBlock;
import org.fatezero.nn.SpatialTransformer;
import org.fatezero.tensor.Operation;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Weights;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** UpBlock2D or, with attention, CrossAttnUpBlock2D: each layer takes a skip connection of the down blocks, then the size doubles. */
final class UpBlock {

    private final Operation join; // of a map and the last rows of a skip connection
    private final List<ResnetBlock> resnets = new ArrayList<>();
    private final List<SpatialTransformer> attentions = new ArrayList<>();
    private final ConvLayer upsampler; // null in the last block
    private final Level next; // that the upsampler's result has; null in the last block

    /** @param skips channels of the skips not yet taken, last first; this block pops its own */
    UpBlock(Weights w, UNetConfig config, int level, int in, int out, Deque<Integer> skips, int timeWidth,
            boolean attends, boolean upsamples) throws IOException {
        join = w.torch().operation("join");
        for (int i = 0; i <= config.layersPerBlock(); i++) {
            resnets.add(new ResnetBlock(w.at("resnets." + i), (i == 0 ? in : out) + skips.pop(), out, timeWidth,
                    config.normNumGroups(), config.normEps()));
            if (attends) {
                attentions.add(new SpatialTransformer(w.at("attentions." + i), Site.Part.UP, config.level(level), out,
                        config.crossAttentionDim(), config.heads(), config.normNumGroups()));
            }
        }
        upsampler = upsamples ? ConvLayer.upsampling(w.at("upsamplers.0.conv"), out) : null;
        next = upsamples ? config.level(level - 1) : null;
    }

    /**
     * Pops its skips from {@code skips} and closes them, and {@code x}. Before upsampling to layers of more than
     * {@link ForwardContext#firstUpTo} cells a side, the first branch is dropped.
     */
    NDArray forward(NDArray x, NDArray time, NDArray text, ForwardContext context, Deque<NDArray> skips) {
        for (int i = 0; i < resnets.size(); i++) {
            x = layer(i, x, skips.pop(), time, text, context);
        }
        if (upsampler != null) {
            // the size of the next skip: twice this one, or one less where the number of rows or columns was odd
            long[] size = skips.peek().getShape().getShape();
            long rows = x.getShape().get(0);
            boolean drops = rows == size[0] && rows > context.frames()
                    && next.side((int) size[2], (int) size[3], context.window().byArea()) > context.firstUpTo();
            try (NDArray small = x) {
                x = upsampler.upsampling(small, drops ? context.frames() : 0, (int) size[2], (int) size[3], context);
            }
        }
        return x;
    }

    private NDArray layer(int i, NDArray x, NDArray skip, NDArray time, NDArray text, ForwardContext context) {
        try (x; skip; Scope scope = new Scope(x, skip, text)) {
            NDArray y = resnets.get(i).forward(join.run(x, skip), time, context);
            return scope.keep(attentions.isEmpty() ? y : attentions.get(i).forward(y, text, context));
        }
    }
}
