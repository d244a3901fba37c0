package org.fatezero.engine;

/** What the engine may ask of its host while it works. */
public interface Host {

    int ERROR = 0;
    int WARNING = 1;
    int INFO = 2;
    int VERBOSE = 3;

    /** A line for the host's log, without a line end. */
    void log(int level, String message);

    /**
     * Progress; called often, also within a step.
     *
     * @param phase {@code encode}, {@code invert}, {@code reconstruct}, {@code edit} or {@code decode}
     * @param step steps done, {@code 0 ... steps}
     * @return false to cancel: the engine then throws {@link java.util.concurrent.CancellationException}
     */
    boolean step(String phase, int step, int steps);
}
