package org.fatezero.diffusion;

import org.fatezero.forward.AttentionHook;

/** Told how far a loop is; may end it by throwing {@link java.util.concurrent.CancellationException}. */
@FunctionalInterface
public interface Progress {

    /** Called at the start of each step and again within it, {@code step} of {@code 0 ... steps}. */
    void at(int step, int steps);

    /** {@code hook} that reports at every attention layer, so that a slow step can be cancelled within it. */
    default AttentionHook within(int step, int steps, AttentionHook hook) {
        return (site, q, k, v, kernel) -> {
            at(step, steps);
            return hook.attend(site, q, k, v, kernel);
        };
    }
}
