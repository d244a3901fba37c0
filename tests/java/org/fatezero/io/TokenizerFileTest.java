package org.fatezero.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

class TokenizerFileTest {

    @TempDir
    private Path folder;

    private Path file(String text) throws IOException {
        return Files.writeString(folder.resolve("tokenizer.json"), text);
    }

    /** Whatever else a file says, since it may ask the library for what ends the process. */
    @Test
    void ofAWordPieceFileTheVocabularyAloneIsUsed() throws Exception {
        String bare = "\"model\": {\"vocab\": {\"[UNK]\": 0, \"jeep\": 1}}, \"added_tokens\": [{\"id\": 2, \"content\": \"[DEC]\"}]";
        JsonObject expected = TokenizerFile.wordPiece(file("{" + bare + "}"), "a tokenizer");
        assertEquals(1, expected.getAsJsonObject("model").getAsJsonObject("vocab").get("jeep").getAsInt());
        assertEquals("[DEC]", expected.getAsJsonArray("added_tokens").get(0).getAsJsonObject().get("content").getAsString());
        for (String other : new String[] {
            "\"normalizer\": {\"type\": \"Precompiled\", \"precompiled_charsmap\": \"/////w==\"}",
            "\"truncation\": {\"max_length\": 2, \"stride\": 5, \"strategy\": \"LongestFirst\", \"direction\": \"Right\"}",
            "\"pre_tokenizer\": {\"type\": \"Split\", \"pattern\": {\"Regex\": \"(a+)+$\"}}"}) {
            assertEquals(expected, TokenizerFile.wordPiece(file("{" + bare + ", " + other + "}"), "a tokenizer"));
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '`', value = {
        "{\"model\": {\"type\": \"BPE\"}}; type \"BPE\"; expected WordPiece",
        "{\"model\": {\"type\": 3}}; type 3; expected WordPiece",
        "{\"model\": {\"vocab\": {\"jeep\": 0}}}; lacks [UNK]; a WordPiece vocabulary is expected",
        "{\"model\": []}; model is no JsonObject; not a tokenizer's",
        "{}; model is missing; not a tokenizer's",
        "[]; not a JSON object; tokenizer.json",
        "{\"model\":; not a JSON object; tokenizer.json",
    })
    void anotherFileIsTold(String text, String found, String expected) throws Exception {
        Path file = file(text);
        String message = assertThrows(IOException.class, () -> TokenizerFile.wordPiece(file, "a tokenizer")).getMessage();
        assertTrue(message.startsWith(file.toString()) && message.contains(found) && message.contains(expected), message);
    }

    @Test
    void aFileNestedWithoutEndIsTold() throws Exception {
        Path file = file("{\"a\":".repeat(200_000));
        assertTrue(assertThrows(IOException.class, () -> TokenizerFile.object(file, "a tokenizer")).getMessage()
                .startsWith(file.toString()));
    }

    @Test
    void aFileThatIsMissingIsTold() {
        String message = assertThrows(IOException.class, () -> TokenizerFile.read(folder.resolve("none"), "a tokenizer")).getMessage();
        assertTrue(message.contains("none") && message.contains("a tokenizer"), message);
    }
}
