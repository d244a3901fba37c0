package org.fatezero.diffusion;

import org.fatezero.forward.ForwardHook;

/** Is told how far a loop is, and may end it by throwing {@link java.util.concurrent.CancellationException}. */
@FunctionalInterface
public interface Progress {

    /** Nobody is told. */
    Progress NONE = (step, steps) -> { };

    /** Called at the start of each step and again within it, {@code step} of {@code 0 ... steps}. */
    void at(int step, int steps);

    /** A hook that reports at every attention layer, so that a slow step can be cancelled within it. */
    default ForwardHook within(int step, int steps) {
        return (site, q, k, v, kernel) -> {
            at(step, steps);
            return kernel.apply(q, k, v);
        };
    }
}
