package org.fatezero.text;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;

import org.fatezero.io.TextFile;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/**
 * CLIP's byte-pair tokenizer, from a folder's {@code tokenizer.json} or its {@code vocab.json} and {@code merges.txt}.
 */
public final class Tokenizer implements AutoCloseable {

    private static final long SIZE_LIMIT = 64 << 20;
    private static final int TEXT_LIMIT = 1 << 16;
    private static final String BOS = "<|startoftext|>";
    private static final String EOS = "<|endoftext|>";

    private final HuggingFaceTokenizer tokenizer;
    private final int bos;
    private final int eos;

    /** @throws IOException if the files are missing or not a CLIP tokenizer's */
    public Tokenizer(Path folder) throws IOException {
        Path whole = folder.resolve("tokenizer.json");
        String json = Files.exists(whole) ? read(whole)
                : pipeline(folder.resolve("vocab.json"), folder.resolve("merges.txt"));
        try {
            tokenizer = HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8)),
                    Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false"));
        } catch (RuntimeException e) {
            throw new IOException(folder + ": not a tokenizer: " + TextFile.reason(e), e);
        }
        bos = special(folder, BOS);
        eos = special(folder, EOS);
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

    /** CLIP's pipeline around a vocabulary: the same that its published {@code tokenizer.json} spells out. */
    private static String pipeline(Path vocabulary, Path merges) throws IOException {
        JsonObject vocab;
        try {
            vocab = JsonParser.parseString(read(vocabulary)).getAsJsonObject();
        } catch (JsonParseException | IllegalStateException | StackOverflowError e) {
            throw new IOException(vocabulary + ": not a JSON object: " + TextFile.reason(e), e);
        }
        JsonArray pairs = new JsonArray();
        read(merges).lines().filter(line -> !line.isBlank() && !line.startsWith("#version")).forEach(pairs::add);
        JsonObject model = JsonParser.parseString("""
                {"type": "BPE", "dropout": null, "unk_token": "<|endoftext|>", "continuing_subword_prefix": "",
                 "end_of_word_suffix": "</w>", "fuse_unk": false}""").getAsJsonObject();
        model.add("vocab", vocab);
        model.add("merges", pairs);
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
        JsonArray added = new JsonArray();
        for (String token : new String[] {BOS, EOS}) {
            JsonElement id = vocab.get(token);
            if (id == null) {
                throw new IOException(vocabulary + ": lacks " + token + "; a CLIP vocabulary is expected");
            }
            JsonObject special = JsonParser.parseString("""
                    {"special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false}""")
                    .getAsJsonObject();
            special.add("id", id);
            special.addProperty("content", token);
            added.add(special);
        }
        json.add("added_tokens", added);
        json.add("model", model);
        return json.toString();
    }

    private static String read(Path file) throws IOException {
        return TextFile.read(file, SIZE_LIMIT, "a tokenizer is a folder with tokenizer.json, or with vocab.json and merges.txt");
    }
}
