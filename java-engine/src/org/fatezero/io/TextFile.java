package org.fatezero.io;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Texts that a model or a user brings: never larger than such a file can be, and UTF-8. */
public final class TextFile {

    private static final String BYTE_ORDER_MARK = "\ufeff"; // which some editors begin a text with

    private TextFile() {
    }

    /**
     * The text in {@code file}.
     *
     * @param limit the most bytes that such a file has
     * @param expected what to say where it is missing
     * @throws IOException naming the file and what is wrong with it
     */
    public static String read(Path file, long limit, String expected) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new NoSuchFileException(file + ": not found; " + expected);
        }
        if (Files.size(file) > limit) {
            throw new IOException(file + ": " + Files.size(file) + " bytes, larger than the " + limit + " that such a file has at most");
        }
        try {
            String text = Files.readString(file);
            return text.startsWith(BYTE_ORDER_MARK) ? text.substring(BYTE_ORDER_MARK.length()) : text;
        } catch (CharacterCodingException e) {
            throw new IOException(file + ": not a text in UTF-8", e);
        }
    }

    /** What a parser found wrong, in one line. */
    public static String reason(Throwable error) {
        return String.valueOf(error.getMessage()).lines().findFirst().orElse("");
    }
}
