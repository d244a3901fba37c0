package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.Site;
import org.fatezero.tensor.Operation;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/**
 * Self-attention, cross-attention, a gated feed-forward and, in tuned checkpoints, temporal attention: each after a layer norm and
 * around a shortcut.
 */
final class TransformerBlock {

    private static final double EPS = 1e-5;

    // numbers in the hidden layer of the positions that pass the feed-forward together: on a CPU they fit the caches, and their memory
    // is used again at once; on a GPU they are enough to keep all of it busy
    private static final int CHUNK = 1 << 19;
    private static final int CHUNK_ON_GPU = 256 << 20;
    private static final int LEAST_ROWS = 800; // with fewer, reading the weights again for each chunk costs more than it saves

    private final Attention attn1;
    private final Attention attn2;
    private final Operation feedForward;
    private final int rows; // that it takes at once
    private final Attention attnTemporal; // null where the checkpoint has no temporal attention

    TransformerBlock(Weights w, int width, int textWidth, int heads) throws IOException {
        attn1 = new Attention(w.at("norm1"), w.at("attn1"), width, width, heads);
        attn2 = new Attention(w.at("norm2"), w.at("attn2"), width, textWidth, heads);
        LayerNorm norm3 = LayerNorm.read(w.at("norm3"), width, EPS);
        Linear[] gated = Linear.read(w.at("ff.net.0.proj"), width, 8 * width).halves();
        Linear out = Linear.read(w.at("ff.net.2"), 4 * width, width).laidOut();
        feedForward = w.torch().operation("feed_forward", norm3.weight(), norm3.bias(), EPS,
                gated[0].weight(), gated[0].bias(), gated[1].weight(), gated[1].bias(), out.weight(), out.bias());
        rows = Math.max(LEAST_ROWS, (out.bias().getDevice().isGpu() ? CHUNK_ON_GPU : CHUNK) / (8 * width));
        boolean original = w.has("attn_temp.to_q.weight"); // as Tune-A-Video names it; the authors of FateZero say attn_temporal
        boolean temporal = original || w.has("attn_temporal.to_q.weight");
        attnTemporal = temporal ? new Attention(w.at(original ? "norm_temp" : "norm_temporal"),
                w.at(original ? "attn_temp" : "attn_temporal"), width, width, heads) : null;
    }

    /** @param x {@code (branches * frames, positions, width)} */
    NDArray forward(NDArray x, NDArray text, Site self, Site cross, ForwardContext context) {
        try (Scope scope = new Scope(x, text)) {
            NDArray y = attn2.forward(attn1.forward(x, self, context), text, cross, context);
            y = feedForward.run(y, rows); // in the memory of its input
            return scope.keep(attnTemporal == null ? y : attnTemporal.overFrames(y, context.frames()));
        }
    }
}
