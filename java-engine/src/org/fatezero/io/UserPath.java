package org.fatezero.io;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** A path that a user wrote. */
public final class UserPath {

    private UserPath() {
    }

    /**
     * The path that an option holds.
     *
     * @throws IllegalArgumentException if it cannot be one, telling why
     */
    public static Path of(String option, String text) {
        try {
            return Path.of(text);
        } catch (InvalidPathException e) {
            throw new IllegalArgumentException(option + "=" + text + ": not a path: " + why(e, System.getProperty("sun.jnu.encoding")), e);
        }
    }

    /** One word of a shell's command, whatever is in the path. */
    public static String quoted(String path) {
        return "'" + path.replace("'", "'\\''") + "'";
    }

    /** @param encoding of paths, which Java takes from the locale that it is started in */
    static String why(InvalidPathException thrown, String encoding) {
        return thrown.getReason() + ("UTF-8".equals(encoding) ? ""
                : "; Java runs in a locale with paths in " + encoding + ": set LC_ALL=C.UTF-8, or another of UTF-8");
    }
}
