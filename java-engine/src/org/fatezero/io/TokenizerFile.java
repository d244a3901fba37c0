package org.fatezero.io;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The JSON files of tokenizers. A native library reads them that ends the process where it cannot go on: regular expressions that take for
 * ever, prefixes longer than what they begin, replacements that grow. So it is given a file's vocabulary and added words alone, in a
 * pipeline that is ours.
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
            throw new IOException(file + ": its " + name + " is "
                    + (found == null ? "missing" : "no " + type.getSimpleName()) + "; not a tokenizer's");
        }
        return type.cast(found);
    }

    /**
     * BERT's uncased WordPiece tokenizer around the vocabulary of a {@code tokenizer.json}: the same that its published file spells out.
     *
     * @throws IOException if the file says that it is of another kind, or lacks what a WordPiece vocabulary has
     */
    public static JsonObject wordPiece(Path file, String expected) throws IOException {
        JsonObject whole = object(file, expected);
        JsonObject model = member(file, whole, "model", JsonObject.class);
        JsonElement type = model.get("type");
        if (type != null && !type.equals(new JsonPrimitive("WordPiece"))) {
            throw new IOException(file + ": a tokenizer of the type " + type + "; expected WordPiece");
        }
        JsonObject vocab = member(file, model, "vocab", JsonObject.class);
        if (!vocab.has("[UNK]")) {
            throw new IOException(file + ": its vocabulary lacks [UNK]; a WordPiece vocabulary is expected");
        }
        JsonObject json = JsonParser.parseString("""
                {"version": "1.0", "truncation": null, "padding": null, "post_processor": null,
                 "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                     "strip_accents": null, "lowercase": true},
                 "pre_tokenizer": {"type": "BertPreTokenizer"},
                 "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
                 "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                     "max_input_chars_per_word": 100}}""")
                .getAsJsonObject();
        json.getAsJsonObject("model").add("vocab", vocab);
        json.add("added_tokens", wholeWords(addedTokens(file, whole)));
        return json;
    }

    /** The whole words and their ids that a {@code tokenizer.json} has beside its vocabulary. */
    public static Map<String, JsonElement> addedTokens(Path file, JsonObject whole) throws IOException {
        Map<String, JsonElement> added = new LinkedHashMap<>();
        if (whole.has("added_tokens")) {
            for (JsonElement token : member(file, whole, "added_tokens", JsonArray.class)) {
                if (!(token instanceof JsonObject own)) {
                    throw new IOException(file + ": its added_tokens are no objects; not a tokenizer's");
                }
                added.put(member(file, own, "content", JsonPrimitive.class).getAsString(), own.get("id"));
            }
        }
        return added;
    }

    /** {@code added_tokens} of whole words and their ids, which are found as they are, and left out where text is made of tokens. */
    public static JsonArray wholeWords(Map<String, JsonElement> ids) {
        JsonArray words = new JsonArray();
        ids.forEach((content, id) -> {
            JsonObject token = JsonParser.parseString("""
                    {"special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}""").getAsJsonObject();
            token.add("id", id);
            token.addProperty("content", content);
            words.add(token);
        });
        return words;
    }
}
