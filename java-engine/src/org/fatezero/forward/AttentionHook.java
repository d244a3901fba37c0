package org.fatezero.forward;

import ai.djl.ndarray.NDArray;

/**
 * What stands between the projections of an attention layer and its result. The plain hook applies the kernel; capture
 * also keeps what it sees, fusion changes it. A hook is an argument of the forward pass, never registered.
 *
 * <p>Axes: {@code q (branches, frames * positions, heads, d)}; in self-attention {@code k, v (branches, keyFrames *
 * positions, heads, d)}, in cross-attention {@code k, v (branches, tokens, heads, d)}. The result is {@code (branches,
 * frames * positions, heads * d)}.
 */
@FunctionalInterface
public interface AttentionHook {

    /** Attention as the layer itself would compute it. */
    AttentionHook PLAIN = (site, q, k, v, kernel) -> kernel.apply(q, k, v);

    /** The layer's own attention over the frames that it is configured to see; shapes as above. */
    @FunctionalInterface
    interface Kernel {
        NDArray apply(NDArray q, NDArray k, NDArray v);
    }

    /** @param kernel applies to any queries, keys and values of these shapes, with any number of branches */
    NDArray attend(Site site, NDArray q, NDArray k, NDArray v, Kernel kernel);
}
