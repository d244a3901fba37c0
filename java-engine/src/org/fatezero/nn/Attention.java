package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.forward.ForwardHook;
import org.fatezero.forward.KeyFrames;
import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.Site;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/** A multi-head attention layer of the UNet, over the frames of the window or over the text. */
public final class Attention {

    private final Torch torch;
    private final Linear toQ;
    private final Linear toK;
    private final Linear toV;
    private final Linear toOut;
    private final int heads;

    /** @param contextWidth length of the vectors that keys and values are projected from */
    public Attention(Weights w, int width, int contextWidth, int heads) throws IOException {
        torch = w.torch();
        toQ = Linear.readWithoutBias(w.at("to_q"), width, width);
        toK = Linear.readWithoutBias(w.at("to_k"), contextWidth, width);
        toV = Linear.readWithoutBias(w.at("to_v"), contextWidth, width);
        toOut = Linear.read(w.at("to_out.0"), width, width);
        this.heads = heads;
    }

    /**
     * Self-attention over the key frames of the pass.
     *
     * @param x {@code (branches * frames, positions, width)}
     */
    public NDArray forward(NDArray x, Site site, ForwardContext context) {
        KeyFrames keys = context.window().keysOf(site);
        try (Scope scope = new Scope(x)) {
            return scope.keep(attend(x, keys.select(torch, x), site, context, (q, k, v) -> keys.attend(torch, q, k, v)));
        }
    }

    /**
     * Cross-attention.
     *
     * @param x {@code (branches * frames, positions, width)}
     * @param text {@code (branches, tokens, contextWidth)}
     */
    public NDArray forward(NDArray x, NDArray text, Site site, ForwardContext context) {
        try (Scope scope = new Scope(x, text)) {
            return scope.keep(attend(x, text, site, context, torch::attention));
        }
    }

    /**
     * Temporal attention: each position attends to the same position in all frames of its branch. No hook is called.
     *
     * @param x {@code (branches * frames, positions, width)}
     */
    NDArray overFrames(NDArray x, int frames) {
        try (Scope scope = new Scope(x)) {
            long[] shape = x.getShape().getShape();
            NDArray y = torch.attention(course(toQ.forward(x), frames), course(toK.forward(x), frames), course(toV.forward(x), frames));
            y = y.reshape(shape[0] / frames, shape[1], frames, shape[2]).transpose(0, 2, 1, 3); // (branches, frames, positions, width)
            return scope.keep(toOut.forward(y.reshape(shape)));
        }
    }

    /** {@code (branches * positions, frames, heads, d)} */
    private NDArray course(NDArray x, int frames) {
        long positions = x.getShape().get(1);
        long width = x.getShape().get(2);
        return x.reshape(-1, frames, positions, width).transpose(0, 2, 1, 3).reshape(-1, frames, heads, width / heads);
    }

    private NDArray attend(NDArray x, NDArray attended, Site site, ForwardContext context, ForwardHook.Kernel kernel) {
        long[] shape = x.getShape().getShape();
        long branches = shape[0] / context.frames();
        NDArray q = split(toQ.forward(x), branches);
        NDArray k = split(toK.forward(attended), branches);
        NDArray v = split(toV.forward(attended), branches);
        return toOut.forward(context.hook().attend(site, q, k, v, kernel)).reshape(shape);
    }

    /** {@code (branches, tokens, heads, d)} */
    private NDArray split(NDArray x, long branches) {
        long width = x.getShape().get(2);
        return x.reshape(branches, -1, heads, width / heads);
    }
}
