package org.fatezero.engine;

import org.fatezero.io.Log;

import java.util.concurrent.CancellationException;

/** The host's callbacks: log lines, progress and cancelling. */
public interface Host extends Log {

    /**
     * Progress; called often, also within a step.
     *
     * @param phase {@code load}, on opening; {@code encode}, {@code invert}, {@code reconstruct}, {@code edit} or {@code decode}
     * @param step steps done, {@code 0 ... steps}
     * @return false to cancel: the engine then throws {@link CancellationException}
     */
    boolean step(String phase, int step, int steps);

    /** Tells the host of a step. */
    default void report(String phase, int step, int steps) {
        if (!step(phase, step, steps)) {
            throw new CancellationException("cancelled by the host in phase " + phase + ", step " + step + " of " + steps);
        }
    }
}
