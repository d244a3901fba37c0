package org.fatezero.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** The texts of small files that a user names, each as it was when it was first read: an edit goes on as it began. */
public final class UserTexts {

    private static final int LIMIT = 1 << 16; // bytes

    private final Map<Path, String> texts = new HashMap<>();

    /** Whether there is such a file, or was when it was read. */
    public boolean has(Path file) {
        return texts.containsKey(file) || Files.isRegularFile(file);
    }

    /**
     * The text in {@code file}.
     *
     * @param expected what to say where it is missing
     * @throws IOException naming the file and what is wrong with it
     */
    public String read(Path file, String expected) throws IOException {
        String text = texts.get(file);
        if (text == null) {
            text = TextFile.read(file, LIMIT, expected);
            texts.put(file, text);
        }
        return text;
    }
}
