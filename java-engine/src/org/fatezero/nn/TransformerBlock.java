package org.fatezero.nn;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;

import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.Site;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/** Self-attention, cross-attention, a gated feed-forward and, in tuned checkpoints, temporal attention: each after a layer norm and around a shortcut. */
final class TransformerBlock {

    private static final double EPS = 1e-5;

    // elements of a chunk: on a CPU it fits the caches, on a GPU it is large enough to keep all of it busy
    private static final long CHUNK = 2 << 20;
    private static final long CHUNK_ON_GPU = 256 << 20;
    private static final long LEAST_ROWS = 800; // with fewer, reading the weights again for each chunk costs more than it saves

    private final Torch torch;
    private final LayerNorm norm1;
    private final Attention attn1;
    private final LayerNorm norm2;
    private final Attention attn2;
    private final LayerNorm norm3;
    private final Linear gatedProjection;
    private final Linear out;
    private final LayerNorm normTemporal; // null where the checkpoint has no temporal attention
    private final Attention attnTemporal;

    TransformerBlock(Weights w, int width, int textWidth, int heads) throws IOException {
        torch = w.torch();
        norm1 = LayerNorm.read(w.at("norm1"), width, EPS);
        attn1 = new Attention(w.at("attn1"), width, width, heads);
        norm2 = LayerNorm.read(w.at("norm2"), width, EPS);
        attn2 = new Attention(w.at("attn2"), width, textWidth, heads);
        norm3 = LayerNorm.read(w.at("norm3"), width, EPS);
        gatedProjection = Linear.read(w.at("ff.net.0.proj"), width, 8 * width);
        out = Linear.read(w.at("ff.net.2"), 4 * width, width);
        boolean original = w.has("attn_temp.to_q.weight"); // as Tune-A-Video names it; the authors of FateZero say attn_temporal
        boolean temporal = original || w.has("attn_temporal.to_q.weight");
        normTemporal = temporal ? LayerNorm.read(w.at(original ? "norm_temp" : "norm_temporal"), width, EPS) : null;
        attnTemporal = temporal ? new Attention(w.at(original ? "attn_temp" : "attn_temporal"), width, width, heads) : null;
    }

    /** @param x {@code (branches * frames, positions, width)} */
    NDArray forward(NDArray x, NDArray text, Site self, Site cross, ForwardContext context) {
        try (Scope scope = new Scope(x, text)) {
            NDArray y = torch.addTo(attn1.forward(norm1.forward(x), self, context), x);
            y = torch.addTo(attn2.forward(norm2.forward(y), text, cross, context), y);
            y = torch.addTo(feedForward(y), y);
            return scope.keep(attnTemporal == null ? y : torch.addTo(attnTemporal.overFrames(normTemporal.forward(y), context.frames()), y));
        }
    }

    /** The feed-forward, in chunks of positions because its hidden layer has eight times as many numbers as its input. */
    private NDArray feedForward(NDArray y) {
        long width = y.getShape().get(2);
        long length = Math.max(LEAST_ROWS, (y.getDevice().isGpu() ? CHUNK_ON_GPU : CHUNK) / (8 * width));
        try (Scope scope = new Scope(y)) {
            NDArray positions = y.reshape(-1, width);
            long rows = positions.getShape().get(0);
            NDList chunks = new NDList();
            for (long from = 0; from < rows; from += length) {
                try (Scope passing = new Scope(positions)) {
                    NDArray chunk = positions.get("{}:{}", from, Math.min(rows, from + length));
                    chunks.add(passing.keep(out.forward(torch.geglu(gatedProjection.forward(norm3.forward(chunk))))));
                }
            }
            return scope.keep((chunks.size() == 1 ? chunks.get(0) : NDArrays.concat(chunks, 0)).reshape(y.getShape()));
        }
    }
}
