package org.fatezero.engine;

/** As the engine's own. */
public interface Host {
    int ERROR = 0, WARNING = 1, INFO = 2, VERBOSE = 3;

    void log(int level, String message);

    boolean step(String phase, int step, int steps);
}
