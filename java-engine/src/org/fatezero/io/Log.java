package org.fatezero.io;

/** Takes lines that a user should read. */
@FunctionalInterface
public interface Log {

    int ERROR = 0;
    int WARNING = 1;
    int INFO = 2;
    int VERBOSE = 3;

    /** A line for the log, without a line end. */
    void log(int level, String message);
}
