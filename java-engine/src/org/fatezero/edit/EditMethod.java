package org.fatezero.edit;

import ai.djl.ndarray.NDArray;

import org.fatezero.forward.ForwardHook;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.inversion.TokenAttention;
import org.fatezero.inversion.Trajectory;

import java.util.ArrayList;
import java.util.List;

/**
 * A way to edit by denoising from the inverted noise: what it takes from the source, and what it does in each step. One object serves
 * all windows; the state of a window is in its {@link Run}.
 */
public interface EditMethod {

    /** What the inversion captures for it. */
    CaptureSpec source();

    /** The branches of the batch in step {@code k}, in order. The source is left out where the inversion has kept what is used of it. */
    default List<Branch> branches(int k) {
        List<Branch> branches = new ArrayList<>(List.of(Branch.UNCONDITIONAL, Branch.CONDITIONAL));
        if (source().use().in(k)) {
            branches.add(0, Branch.SOURCE);
        }
        return branches;
    }

    /**
     * Begins an edit of one window.
     *
     * @param source of the window; what the run keeps from step to step belongs to its manager
     * @param frames of the window
     * @param watched sums that the edit's own cross-attention is added to, besides those that the method needs
     */
    Run begin(Trajectory source, int frames, List<TokenAttention> watched);

    /** One edit of one window, from its noisiest step on. */
    interface Run {

        /**
         * The hook of step {@code k}, counted as in {@link org.fatezero.diffusion.Schedule}. The edit is the last branch of the batch.
         *
         * @param source of this step
         */
        ForwardHook hook(int k, SourceStep source);

        /**
         * The latents that the edit starts from.
         *
         * @param zT the source's, {@code (frames, channels, h, w)}
         * @return {@code zT}, or latents of the same manager that take its place
         */
        default NDArray start(NDArray zT) {
            return zT;
        }

        /**
         * Changes the latents that step {@code k} has led to.
         *
         * @param z {@code (frames, channels, h, w)}
         * @return {@code z}, or latents of the same manager that take its place
         */
        default NDArray afterStep(int k, NDArray z) {
            return z;
        }
    }

    /** A run that does what another does; a method that builds on another overrides what it changes. */
    abstract class RunOver implements Run {
        protected final Run run;

        protected RunOver(Run run) {
            this.run = run;
        }

        @Override
        public ForwardHook hook(int k, SourceStep source) {
            return run.hook(k, source);
        }

        @Override
        public NDArray start(NDArray zT) {
            return run.start(zT);
        }

        @Override
        public NDArray afterStep(int k, NDArray z) {
            return run.afterStep(k, z);
        }
    }
}
