package org.fatezero.forward;

import ai.djl.ndarray.NDArray;

/**
 * Watches or changes what a forward pass of the UNet computes: the attention of a layer, between its projections and its result,
 * and the features of a residual block. A hook is an argument of the pass, never registered with the network.
 */
@FunctionalInterface
public interface ForwardHook {

    /** Leaves everything as it is. */
    ForwardHook NONE = (site, q, k, v, kernel) -> kernel.apply(q, k, v);

    /** A layer's own attention over the frames that it is configured to see; shapes as in {@link #attend}. */
    @FunctionalInterface
    interface Kernel {
        NDArray apply(NDArray q, NDArray k, NDArray v);
    }

    /**
     * Called at every attention layer.
     *
     * @param q {@code (branches, frames * positions, heads, d)}
     * @param k of self-attention {@code (branches, keyFrames * positions, heads, d)}, of cross-attention
     *     {@code (branches, tokens, heads, d)}
     * @param v like {@code k}
     * @param kernel applies to any queries, keys and values of these shapes, with any number of branches
     * @return {@code (branches, frames * positions, heads * d)}
     */
    NDArray attend(Site site, NDArray q, NDArray k, NDArray v, Kernel kernel);

    /** Whether {@link #feature} is called for a residual block, named as in the checkpoint. */
    default boolean watches(String block) {
        return false;
    }

    /**
     * Called in every residual block that this hook {@link #watches}, after its second convolution and before its shortcut is added.
     *
     * @param block the block's name in the checkpoint
     * @param h {@code (branches * frames, channels, height, width)}; before the first attention, branches that share their latents are one
     * @return {@code h}, or what takes its place
     */
    default NDArray feature(String block, NDArray h) {
        return h;
    }

    /** Both hooks: the kernel that this one is given calls {@code next}, and features pass through this one first. */
    default ForwardHook andThen(ForwardHook next) {
        ForwardHook first = this;
        return new ForwardHook() {
            @Override
            public NDArray attend(Site site, NDArray q, NDArray k, NDArray v, Kernel kernel) {
                return first.attend(site, q, k, v, (queries, keys, values) -> next.attend(site, queries, keys, values, kernel));
            }

            @Override
            public boolean watches(String block) {
                return first.watches(block) || next.watches(block);
            }

            @Override
            public NDArray feature(String block, NDArray h) {
                return next.feature(block, first.feature(block, h));
            }
        };
    }
}
