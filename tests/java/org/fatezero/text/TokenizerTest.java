package org.fatezero.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import org.fatezero.Golden;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.zip.GZIPInputStream;

/** Against transformers' CLIPTokenizer, and with files of every wrong kind. */
class TokenizerTest {

    private static final Path TINY = Golden.TINY.resolve("tokenizer");

    @TempDir
    private Path folder;

    private static List<String> lines(Path gzipped) throws IOException {
        try (BufferedReader reader = new BufferedReader(
                new InputStreamReader(new GZIPInputStream(Files.newInputStream(gzipped)), StandardCharsets.UTF_8))) {
            return new ArrayList<>(reader.lines().toList());
        }
    }

    @Test
    void thousandPromptsHaveTheReferencesTokens() throws Exception {
        try (Tokenizer tokenizer = new Tokenizer(TINY)) {
            assertReferenceTokens(tokenizer, 1);
        }
    }

    /** With -Dclip, the bpe_simple_vocab_16e6.txt.gz of CLIP's own code. */
    @Test
    @EnabledIfSystemProperty(named = "clip", matches = ".+")
    void thousandPromptsHaveTheReferencesTokensWithClipsOwnVocabulary() throws Exception {
        writeClip(Path.of(System.getProperty("clip")));
        try (Tokenizer tokenizer = new Tokenizer(folder)) {
            assertReferenceTokens(tokenizer, 2);
        }
    }

    private static void assertReferenceTokens(Tokenizer tokenizer, int column) throws Exception {
        List<String> lines = lines(Golden.FOLDER.resolve("tokens.tsv.gz"));
        assertEquals(1000, lines.size());
        for (String line : lines) {
            String[] columns = line.split("\t");
            String text = JsonParser.parseString(columns[0]).getAsString();
            int[] ids = Arrays.stream(columns[column].split(" ")).mapToInt(Integer::parseInt).toArray();
            int[] padded = Arrays.copyOf(ids, 77);
            Arrays.fill(padded, ids.length, 77, ids[ids.length - 1]);
            assertArrayEquals(padded, tokenizer.encode(text, 77).ids(), columns[0]);
        }
    }

    /** CLIP's construction: bytes, bytes that end a word, one token a merge, start and end. */
    private void writeClip(Path file) throws IOException {
        List<String> merges = lines(file).subList(1, 49152 - 256 - 2 + 1);
        List<String> tokens = new ArrayList<>(byteAlphabet());
        byteAlphabet().forEach(letter -> tokens.add(letter + "</w>"));
        merges.forEach(pair -> tokens.add(pair.replace(" ", "")));
        tokens.addAll(List.of("<|startoftext|>", "<|endoftext|>"));
        JsonObject vocabulary = new JsonObject();
        for (int i = 0; i < tokens.size(); i++) {
            vocabulary.addProperty(tokens.get(i), i);
        }
        Files.writeString(folder.resolve("vocab.json"), vocabulary.toString());
        Files.writeString(folder.resolve("merges.txt"), "#version: 0.2\n" + String.join("\n", merges) + "\n");
    }

    /** The printable letters that stand for bytes: those that are printable for themselves, the others from U+0100 on. */
    private static List<String> byteAlphabet() {
        List<String> letters = new ArrayList<>();
        IntStream.concat(IntStream.rangeClosed('!', '~'), IntStream.concat(IntStream.rangeClosed('¡', '¬'),
                IntStream.rangeClosed('®', 'ÿ'))).forEach(letter -> letters.add(Character.toString(letter)));
        for (int i = 0x100; letters.size() < 256; i++) {
            letters.add(Character.toString(i));
        }
        return letters;
    }

    /** The tiny tokenizer as one file. */
    private static JsonObject whole() throws IOException {
        JsonObject whole = JsonParser.parseString(Files.readString(Golden.FOLDER.resolve("tokenizer-pipeline.json"))).getAsJsonObject();
        JsonObject vocabulary = JsonParser.parseString(Files.readString(TINY.resolve("vocab.json"))).getAsJsonObject();
        JsonArray merges = new JsonArray();
        Files.readAllLines(TINY.resolve("merges.txt")).stream().skip(1).forEach(merges::add);
        whole.getAsJsonObject("model").add("vocab", vocabulary);
        whole.getAsJsonObject("model").add("merges", merges);
        for (JsonElement token : whole.getAsJsonArray("added_tokens")) {
            token.getAsJsonObject().add("id", vocabulary.get(token.getAsJsonObject().get("content").getAsString()));
        }
        for (String side : List.of("sep", "cls")) {
            JsonArray pair = whole.getAsJsonObject("post_processor").getAsJsonArray(side);
            pair.set(1, vocabulary.get(pair.get(0).getAsString()));
        }
        return whole;
    }

    @Test
    void readsTheSameFromOneFile() throws Exception {
        Files.writeString(folder.resolve("tokenizer.json"), whole().toString());
        try (Tokenizer tokenizer = new Tokenizer(folder)) {
            assertReferenceTokens(tokenizer, 1);
        }
    }

    @Test
    void whatDoesNotFitIsCutAndTheEndTokenKept() throws Exception {
        try (Tokenizer tokenizer = new Tokenizer(TINY)) {
            Prompt whole = tokenizer.encode("a red car", 77);
            assertEquals(List.of(), whole.cut());
            Prompt prompt = tokenizer.encode("a red car", whole.pieces().size() + 1);
            assertEquals(whole.pieces().size() + 1, prompt.ids().length);
            assertEquals(whole.ids()[76], prompt.ids()[prompt.ids().length - 1]);
            assertEquals(whole.pieces().subList(0, prompt.pieces().size()), prompt.pieces());
            assertEquals(List.of(whole.pieces().get(whole.pieces().size() - 1)), prompt.cut());
        }
    }

    @Test
    void aTextLongerThanAnyPromptIsRefused() throws Exception {
        try (Tokenizer tokenizer = new Tokenizer(TINY)) {
            String message = assertThrows(IllegalArgumentException.class, () -> tokenizer.encode("a".repeat(100_000), 77)).getMessage();
            assertTrue(message.contains("100000"), message);
        }
    }

    private void copyTiny() throws IOException {
        Files.copy(TINY.resolve("vocab.json"), folder.resolve("vocab.json"));
        Files.copy(TINY.resolve("merges.txt"), folder.resolve("merges.txt"));
    }

    @Test
    void missingFilesAreNamed() throws Exception {
        fails(NoSuchFileException.class, "vocab.json", "tokenizer.json");
        Files.copy(TINY.resolve("vocab.json"), folder.resolve("vocab.json"));
        fails(NoSuchFileException.class, "merges.txt");
    }

    @Test
    void aVocabularyThatIsNone() throws Exception {
        copyTiny();
        for (String junk : List.of("", "[]", "{", "[".repeat(200_000), "{}", "{\"<|startoftext|>\": 1}",
                "{\"<|startoftext|>\": \"one\", \"<|endoftext|>\": \"two\"}")) {
            Files.writeString(folder.resolve("vocab.json"), junk);
            fails(IOException.class);
        }
        Files.write(folder.resolve("vocab.json"), new byte[] {(byte) 0xff, (byte) 0xfe});
        fails(IOException.class, "vocab.json", "UTF-8");
    }

    @Test
    void mergesThatAreNone() throws Exception {
        copyTiny();
        for (String junk : List.of("nospace\n", "a b c\n", "notin thevocabulary\n")) {
            Files.writeString(folder.resolve("merges.txt"), junk);
            fails(IOException.class);
        }
        Files.write(folder.resolve("merges.txt"), new byte[] {(byte) 0xff, (byte) 0xfe});
        fails(IOException.class, "merges.txt", "UTF-8");
    }

    @Test
    void aWholeFileThatIsNone() throws Exception {
        for (String junk : List.of("", "[]", "{}", "{\"model\": {\"type\": \"BPE\"}}", "[".repeat(200_000),
                "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}}")) {
            Files.writeString(folder.resolve("tokenizer.json"), junk);
            fails(IOException.class);
        }
    }

    /** The native library would end the process over either. */
    @Test
    void whatAFileSaysOfSplittingDoesNotCount() throws Exception {
        JsonObject whole = whole();
        whole.getAsJsonObject("model").addProperty("continuing_subword_prefix", "##");
        whole.add("normalizer",
                JsonParser.parseString("{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"(x+x+)+y\"}, \"content\": \"\"}"));
        Files.writeString(folder.resolve("tokenizer.json"), whole.toString());
        try (Tokenizer tokenizer = new Tokenizer(folder)) {
            assertReferenceTokens(tokenizer, 1);
            assertEquals(77, tokenizer.encode("x".repeat(60_000), 77).ids().length);
        }
    }

    /** As textual inversion saves them. */
    @Test
    void wordsThatWereAddedAreWhole() throws Exception {
        copyTiny();
        int next = JsonParser.parseString(Files.readString(TINY.resolve("vocab.json"))).getAsJsonObject().size();
        Files.writeString(folder.resolve("added_tokens.json"), "{\"<cat-toy>\": " + next + "}");
        try (Tokenizer tokenizer = new Tokenizer(folder)) {
            Prompt prompt = tokenizer.encode("a <cat-toy> on a road", 77);
            assertEquals(next, prompt.ids()[2]);
            assertArrayEquals(new int[] {2}, prompt.find("<cat-toy>", tokenizer));
        }
        Files.writeString(folder.resolve("added_tokens.json"), "{\"<cat-toy>\": \"what\"}");
        fails(IOException.class);
    }

    @Test
    void aFileThatIsTooLargeIsNotRead() throws Exception {
        try (var file = new RandomAccessFile(folder.resolve("tokenizer.json").toFile(), "rw")) {
            file.setLength(1L << 30);
        }
        fails(IOException.class, "tokenizer.json", "1073741824");
    }

    private void fails(Class<? extends IOException> type, String... told) {
        String message = assertThrows(type, () -> new Tokenizer(folder).close()).getMessage();
        assertTrue(message.contains(folder.toString()), message);
        assertEquals(1, message.lines().count(), message);
        for (String text : told) {
            assertTrue(message.contains(text), message);
        }
    }
}
