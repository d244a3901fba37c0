package org.fatezero.text;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import org.fatezero.io.TextFile;
import org.fatezero.io.TokenizerFile;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * CLIP's byte-pair tokenizer, of the vocabulary in a folder's {@code tokenizer.json}, or in its {@code vocab.json}, {@code merges.txt} and,
 * where a fine-tune has words of its own, {@code added_tokens.json}. How text is split is CLIP's, whatever the files say
 * ({@link TokenizerFile}).
 */
public final class Tokenizer implements AutoCloseable {

    private static final String FILES = "a tokenizer is a folder with tokenizer.json, or with vocab.json and merges.txt";
    private static final int TEXT_LIMIT = 1 << 16;
    private static final String BOS = "<|startoftext|>";
    private static final String EOS = "<|endoftext|>";

    private final HuggingFaceTokenizer tokenizer;
    private final int bos;
    private final int eos;

    /** @throws IOException if the files are missing or not a CLIP tokenizer's */
    public Tokenizer(Path folder) throws IOException {
        Path whole = folder.resolve("tokenizer.json");
        JsonObject json = Files.exists(whole) ? ofOneFile(whole) : ofSeveral(folder);
        try {
            tokenizer = HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json.toString().getBytes(StandardCharsets.UTF_8)),
                    Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false"));
        } catch (RuntimeException e) {
            throw new IOException(folder + ": not a tokenizer: " + TextFile.reason(e), e);
        }
        bos = special(folder, BOS);
        eos = special(folder, EOS);
    }

    /** Those of a tokenizer's files that a folder has. */
    public static List<Path> files(Path folder) {
        return Stream.of("tokenizer.json", "vocab.json", "merges.txt", "added_tokens.json")
                .map(folder::resolve).filter(Files::isRegularFile).toList();
    }

    private int special(Path folder, String token) throws IOException {
        long[] ids = tokenizer.encode(token, false, false).getIds();
        if (ids.length != 1) {
            tokenizer.close();
            throw new IOException(folder + ": its vocabulary lacks " + token + "; a CLIP tokenizer is expected");
        }
        return (int) ids[0];
    }

    /**
     * The tokens of {@code text}, between start and end, cut or padded with the end token to {@code length}.
     *
     * @param length at least 2, 77 for Stable Diffusion
     * @throws IllegalArgumentException if {@code text} is longer than any prompt
     */
    public Prompt encode(String text, int length) {
        if (text.length() > TEXT_LIMIT) {
            throw new IllegalArgumentException("a prompt of " + text.length() + " characters; at most " + TEXT_LIMIT);
        }
        Encoding encoding = tokenizer.encode(text, false, false);
        long[] pieces = encoding.getIds();
        int kept = Math.min(pieces.length, length - 2);
        int[] ids = new int[length];
        Arrays.fill(ids, eos);
        ids[0] = bos;
        for (int i = 0; i < kept; i++) {
            ids[i + 1] = (int) pieces[i];
        }
        String[] tokens = encoding.getTokens();
        return new Prompt(text, ids, Arrays.asList(tokens).subList(0, kept),
                Arrays.asList(tokens).subList(kept, tokens.length));
    }

    /** The pieces that {@code text} consists of, with no start and end. */
    String[] pieces(String text) {
        return tokenizer.encode(text, false, false).getTokens();
    }

    @Override
    public void close() {
        tokenizer.close();
    }

    private static JsonObject ofOneFile(Path file) throws IOException {
        JsonObject whole = TokenizerFile.object(file, FILES);
        JsonObject model = TokenizerFile.member(file, whole, "model", JsonObject.class);
        return pipeline(file, TokenizerFile.member(file, model, "vocab", JsonObject.class),
                TokenizerFile.member(file, model, "merges", JsonArray.class), TokenizerFile.addedTokens(file, whole));
    }

    private static JsonObject ofSeveral(Path folder) throws IOException {
        Path vocabulary = folder.resolve("vocab.json");
        JsonObject vocab = TokenizerFile.object(vocabulary, FILES);
        JsonArray merges = new JsonArray();
        TokenizerFile.read(folder.resolve("merges.txt"), FILES).lines()
                .filter(line -> !line.isBlank() && !line.startsWith("#version")).forEach(merges::add);
        Path own = folder.resolve("added_tokens.json");
        return pipeline(vocabulary, vocab, merges, Files.exists(own) ? TokenizerFile.object(own, FILES).asMap() : Map.of());
    }

    /**
     * CLIP's pipeline around a vocabulary: the same that its published {@code tokenizer.json} spells out.
     *
     * @param file to name where the vocabulary is not CLIP's
     * @param added whole words and their ids, besides the pieces of the vocabulary
     */
    private static JsonObject pipeline(Path file, JsonObject vocab, JsonArray merges, Map<String, JsonElement> added) throws IOException {
        JsonObject model = JsonParser.parseString("""
                {"type": "BPE", "dropout": null, "unk_token": "<|endoftext|>", "continuing_subword_prefix": "",
                 "end_of_word_suffix": "</w>", "fuse_unk": false}""").getAsJsonObject();
        model.add("vocab", vocab);
        model.add("merges", merges);
        JsonObject json = JsonParser.parseString("""
                {"version": "1.0", "truncation": null, "padding": null,
                 "normalizer": {"type": "Sequence", "normalizers": [
                   {"type": "NFC"},
                   {"type": "Replace", "pattern": {"Regex": "\\\\s+"}, "content": " "},
                   {"type": "Lowercase"}]},
                 "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
                   {"type": "Split", "behavior": "Removed", "invert": true, "pattern":
                     {"Regex": "'s|'t|'re|'ve|'m|'ll|'d|[\\\\p{L}]+|[\\\\p{N}]|[^\\\\s\\\\p{L}\\\\p{N}]+"}},
                   {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true}]},
                 "post_processor": null, "decoder": null}""").getAsJsonObject();
        Map<String, JsonElement> words = new LinkedHashMap<>(added);
        for (String token : new String[] {BOS, EOS}) {
            JsonElement id = vocab.has(token) ? vocab.get(token) : added.get(token);
            if (id == null) {
                throw new IOException(file + ": lacks " + token + "; a CLIP vocabulary is expected");
            }
            words.put(token, id);
        }
        json.add("added_tokens", TokenizerFile.wholeWords(words));
        json.add("model", model);
        return json;
    }
}
