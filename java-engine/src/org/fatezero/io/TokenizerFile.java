package org.fatezero.io;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;

import java.io.IOException;
import java.nio.file.Path;

/**
 * The JSON files of tokenizers. What they say reaches a native library that ends the process where it cannot go on: with regular
 * expressions that take for ever, or prefixes longer than what they begin. So only that of a file is passed on which cannot ask for either.
 */
public final class TokenizerFile {

    private static final long SIZE_LIMIT = 64 << 20;

    private TokenizerFile() {
    }

    /**
     * The text of a file.
     *
     * @param expected what to say where it is missing
     */
    public static String read(Path file, String expected) throws IOException {
        return TextFile.read(file, SIZE_LIMIT, expected);
    }

    /** The object that a file holds. */
    public static JsonObject object(Path file, String expected) throws IOException {
        try {
            return JsonParser.parseString(read(file, expected)).getAsJsonObject();
        } catch (JsonParseException | IllegalStateException | StackOverflowError e) {
            throw new IOException(file + ": not a JSON object: " + TextFile.reason(e), e);
        }
    }

    /**
     * The member of an object that a tokenizer must have.
     *
     * @throws IOException if it is missing or of another type
     */
    public static <T extends JsonElement> T member(Path file, JsonObject of, String name, Class<T> type) throws IOException {
        JsonElement found = of.get(name);
        if (!type.isInstance(found)) {
            throw new IOException(file + ": its " + name + " is " + (found == null ? "missing" : "no " + type.getSimpleName()) + "; not a tokenizer's");
        }
        return type.cast(found);
    }

    /** A {@code tokenizer.json} of BERT's kind: WordPiece, and no regular expressions. */
    public static JsonObject wordPiece(Path file, String expected) throws IOException {
        JsonObject whole = object(file, expected);
        JsonObject model = member(file, whole, "model", JsonObject.class);
        JsonElement type = model.get("type");
        if (type != null && !type.equals(new JsonPrimitive("WordPiece"))) {
            throw new IOException(file + ": a tokenizer of the type " + type + "; expected WordPiece");
        }
        if (hasRegex(whole)) {
            throw new IOException(file + ": has a regular expression; a WordPiece tokenizer needs none");
        }
        model.addProperty("type", "WordPiece"); // or the library guesses, where the file does not say
        return whole;
    }

    private static boolean hasRegex(JsonElement in) {
        if (in.isJsonArray()) {
            return in.getAsJsonArray().asList().stream().anyMatch(TokenizerFile::hasRegex);
        }
        return in.isJsonObject() && in.getAsJsonObject().entrySet().stream().anyMatch(entry -> !entry.getKey().equals("vocab")
                && (entry.getKey().equals("Regex") || hasRegex(entry.getValue())));
    }
}
