package org.fatezero.io;

import java.util.HashSet;
import java.util.Set;

/** Says each thing once, however often it is so: in each shot of a film, and by each engine that goes on with it. */
public final class Once {

    private final Set<String> told = new HashSet<>();

    public void log(Log log, int level, String message) {
        if (told.add(message)) {
            log.log(level, message);
        }
    }
}
