package org.fatezero.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import org.fatezero.Golden;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

class PromptTest {

    private static Tokenizer tokenizer;

    @BeforeAll
    static void open() throws Exception {
        tokenizer = new Tokenizer(Golden.TINY.resolve("tokenizer"));
    }

    @AfterAll
    static void close() {
        tokenizer.close();
    }

    private static Prompt prompt(String text) {
        return tokenizer.encode(text, 77);
    }

    @Test
    void wordsAreWhatPiecesAddUpTo() {
        Prompt prompt = prompt("A silver Jeep, driving");
        assertEquals(List.of("a", "silver", "jeep", ",", "driving"), prompt.words());
        int pieces = prompt.wordTokens().stream().mapToInt(tokens -> tokens.length).sum();
        assertEquals(prompt.pieces().size(), pieces);
        assertEquals(1, prompt.wordTokens().get(0)[0]);
        assertTrue(pieces > prompt.words().size(), "the tiny vocabulary has no token for every word");
    }

    @Test
    void anEmptyPromptHasNoWords() {
        assertEquals(List.of(), prompt("").words());
        assertEquals(List.of(), prompt(" \n").wordTokens());
    }

    @Test
    void aWordThatIsCutEndsWithItsLastPiece() {
        Prompt whole = prompt("driving");
        assertTrue(whole.pieces().size() > 1);
        Prompt cut = tokenizer.encode("driving", whole.pieces().size() + 1);
        assertEquals(1, cut.wordTokens().size());
        assertEquals(whole.pieces().size() - 1, cut.wordTokens().get(0).length);
    }

    @Test
    void findsAWordByItsPiecesWhateverItsCase() {
        Prompt prompt = prompt("a silver jeep");
        assertArrayEquals(prompt.wordTokens().get(1), prompt.find("Silver", tokenizer));
    }

    @Test
    void findsAPhraseAndEveryPlaceOfIt() {
        Prompt prompt = prompt("a red car and a red car");
        int[] found = prompt.find("red car", tokenizer);
        int[] expected = Stream.of(1, 2, 5, 6).map(prompt.wordTokens()::get).flatMapToInt(Arrays::stream).toArray();
        assertArrayEquals(expected, found);
    }

    @Test
    void placesThatOverlapAreListedOnce() {
        Prompt prompt = prompt("go go go go");
        assertEquals(4, prompt.words().size());
        int[] expected = prompt.wordTokens().stream().flatMapToInt(Arrays::stream).toArray();
        assertArrayEquals(expected, prompt.find("go go go", tokenizer));
    }

    @Test
    void aPartOfAWordIsNotThatWord() {
        assertThrows(IllegalArgumentException.class, () -> prompt("a watercolor").find("water", tokenizer));
    }

    @Test
    void aWordThatIsNotThereIsToldWithThoseThatAre() {
        String message = assertThrows(IllegalArgumentException.class, () -> prompt("a silver jeep").find("horse", tokenizer)).getMessage();
        assertTrue(message.contains("'horse'") && message.endsWith("a silver jeep"), message);
        assertThrows(IllegalArgumentException.class, () -> prompt("a silver jeep").find("", tokenizer));
    }

    @Test
    void spacedWordsHaveTheColumnsOfTheAuthorsCode() throws Exception {
        JsonObject columns = JsonParser.parseString(Files.readString(Golden.FOLDER.resolve("words.json"))).getAsJsonObject();
        assertTrue(columns.size() > 5);
        for (String text : columns.keySet()) {
            List<int[]> tokens = prompt(text).spacedTokens();
            List<JsonElement> expected = columns.getAsJsonArray(text).asList();
            assertEquals(expected.size(), tokens.size(), text);
            for (int i = 0; i < expected.size(); i++) {
                int[] positions = expected.get(i).getAsJsonArray().asList().stream().mapToInt(JsonElement::getAsInt).toArray();
                assertArrayEquals(positions, tokens.get(i), text + ", word " + i);
            }
        }
    }

    @Test
    void spacedWordsAreFoundExactly() {
        Prompt prompt = prompt("A Cat, a Cat and a cat");
        assertArrayEquals(prompt.spacedTokens().get(3), prompt.findSpaced("Cat"));
        int[] both = IntStream.concat(Arrays.stream(prompt.spacedTokens().get(2)), Arrays.stream(prompt.spacedTokens().get(3))).toArray();
        assertArrayEquals(both, prompt.findSpaced("a Cat"));
        String message = assertThrows(IllegalArgumentException.class, () -> prompt.findSpaced("dog")).getMessage();
        assertTrue(message.endsWith("its words are: A Cat, a Cat and a cat"), message);
    }

    /** After two blanks in a row their count is one word late, and the last words are left without tokens. */
    @Test
    void aSpacedWordWithoutTokensIsThereAndFindsNone() {
        Prompt prompt = prompt("two  blanks between a cat and a dog");
        assertArrayEquals(new int[0], prompt.findSpaced("dog"));
        assertArrayEquals(new int[] {11}, prompt.findSpaced("cat"));
        assertThrows(IllegalArgumentException.class, () -> prompt.findSpaced("horse"));
    }

    @Test
    void aWordThatWasCutIsNotThere() {
        assertThrows(IllegalArgumentException.class, () -> tokenizer.encode("a silver jeep", 4).find("jeep", tokenizer));
    }
}
