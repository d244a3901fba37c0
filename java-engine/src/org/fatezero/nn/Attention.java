package org.fatezero.nn;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;

import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.KeyFrames;
import org.fatezero.forward.Site;
import org.fatezero.tensor.Operation;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/** A multi-head attention layer of the UNet after its layer norm and around a shortcut: over the window's frames, the text, or time. */
final class Attention {

    private static final double EPS = 1e-5;

    private final Torch torch;
    private final Operation queriesKeysValues; // of the frames, of which some have keys and values
    private final Operation queries;
    private final Operation keysValues;        // of a text
    private final Operation overTime;
    private final Operation out;

    /**
     * @param w of the layer, {@code norm} of the norm before it
     * @param contextWidth length of the vectors that keys and values are projected from
     */
    Attention(Weights norm, Weights w, int width, int contextWidth, int heads) throws IOException {
        torch = w.torch();
        LayerNorm before = LayerNorm.read(norm, width, EPS);
        NDArray q = Linear.readWithoutBias(w.at("to_q"), width, width).laidOut().weight();
        NDArray k = Linear.readWithoutBias(w.at("to_k"), contextWidth, width).laidOut().weight();
        NDArray v = Linear.readWithoutBias(w.at("to_v"), contextWidth, width).laidOut().weight();
        Linear toOut = Linear.read(w.at("to_out.0"), width, width).laidOut();
        queriesKeysValues = torch.operation("queries_keys_values", heads, before.weight(), before.bias(), EPS, q, k, v);
        queries = torch.operation("queries", heads, before.weight(), before.bias(), EPS, q);
        keysValues = torch.operation("keys_values", heads, k, v);
        overTime = torch.operation("temporal_attention", heads, before.weight(), before.bias(), EPS, q, k, v, toOut.weight(), toOut.bias());
        out = torch.operation("project_onto", toOut.weight(), toOut.bias());
    }

    /**
     * Self-attention over the key frames of the pass.
     *
     * @param x {@code (branches * frames, positions, width)}
     */
    NDArray forward(NDArray x, Site site, ForwardContext context) {
        KeyFrames keys = context.window().keysOf(site);
        try (Scope scope = new Scope(x)) {
            NDList qkv = queriesKeysValues.runForList(x, context.frames(), keys.projected());
            NDArray y = context.hook().attend(site, qkv.get(0), qkv.get(1), qkv.get(2), (q, k, v) -> keys.attend(torch, q, k, v));
            return scope.keep(out.run(y, x));
        }
    }

    /**
     * Cross-attention.
     *
     * @param x {@code (branches * frames, positions, width)}
     * @param text {@code (branches, tokens, contextWidth)}
     */
    NDArray forward(NDArray x, NDArray text, Site site, ForwardContext context) {
        try (Scope scope = new Scope(x, text)) {
            NDList kv = keysValues.runForList(text);
            NDArray y = context.hook().attend(site, queries.run(x, context.frames()), kv.get(0), kv.get(1), torch::attention);
            return scope.keep(out.run(y, x));
        }
    }

    /**
     * Temporal attention: each position attends to the same position in all frames of its branch. No hook is called.
     *
     * @param x {@code (branches * frames, positions, width)}
     */
    NDArray overFrames(NDArray x, int frames) {
        return overTime.run(x, frames);
    }
}
