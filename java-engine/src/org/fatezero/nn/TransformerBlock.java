package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/** Self-attention, cross-attention, a gated feed-forward and, in tuned checkpoints, temporal attention: each after a layer norm and around a shortcut. */
final class TransformerBlock {

    private static final double EPS = 1e-5;

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
    NDArray forward(NDArray x, NDArray text, Site self, Site cross, Pass pass) {
        try (Scope scope = new Scope(x, text)) {
            NDArray y = torch.addTo(attn1.forward(norm1.forward(x), self, pass), x);
            y = torch.addTo(attn2.forward(norm2.forward(y), text, cross, pass), y);
            y = torch.addTo(out.forward(torch.geglu(gatedProjection.forward(norm3.forward(y)))), y);
            return scope.keep(attnTemporal == null ? y : torch.addTo(attnTemporal.overFrames(normTemporal.forward(y), pass.frames()), y));
        }
    }
}
