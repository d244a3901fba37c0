package org.fatezero.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** What cannot be a path names its option, and the locale where that is why. */
class UserPathTest {

    @Test
    void aPathIsAsWritten() {
        assertEquals(Path.of("models", "one"), UserPath.of("model", "models/one"));
    }

    @Test
    void whatIsNoneNamesItsOption() {
        String told = assertThrows(IllegalArgumentException.class, () -> UserPath.of("model", "a\0b")).getMessage();
        assertTrue(told.startsWith("model=a\0b: not a path: Nul character not allowed"), told);
    }

    @Test
    void theLocaleIsTold() {
        InvalidPathException thrown = new InvalidPathException("/ü", "Malformed input or input contains unmappable characters");
        assertEquals(thrown.getReason(), UserPath.why(thrown, "UTF-8"));
        assertEquals(thrown.getReason() + "; Java runs in a locale with paths in ANSI_X3.4-1968: set LC_ALL=C.UTF-8, or another of UTF-8",
                UserPath.why(thrown, "ANSI_X3.4-1968"));
    }
}
