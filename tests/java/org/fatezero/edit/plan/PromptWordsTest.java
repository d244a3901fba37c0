package org.fatezero.edit.plan;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.fatezero.Golden;
import org.fatezero.edit.fatezero.CrossAttentionControl.Gate;
import org.fatezero.io.Log;
import org.fatezero.options.words.Words;
import org.fatezero.text.Prompt;
import org.fatezero.text.Tokenizer;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;

class PromptWordsTest {

    private static Tokenizer tokenizer;
    private static PromptWords words;
    private static Prompt prompt;

    @BeforeAll
    static void open() throws Exception {
        tokenizer = new Tokenizer(Golden.TINY.resolve("tokenizer"));
        words = new PromptWords(tokenizer, false, (level, message) -> { });
        prompt = tokenizer.encode("a silver jeep on a road", 77);
    }

    @AfterAll
    static void close() {
        tokenizer.close();
    }

    private static int[] word(int i) {
        return prompt.wordTokens().get(i);
    }

    /** Which costs time, and a preset may come from a stranger. */
    @Test
    void aWordIsLookedForOnceAndFewAre() {
        List<String> many = Collections.nCopies(100_000, "jeep");
        assertArrayEquals(word(2), words.tokens("blend", many, prompt));
        List<String> others = IntStream.range(0, 513).mapToObj(i -> "word" + i).toList();
        String message = assertThrows(IllegalArgumentException.class, () -> words.tokens("blend", others, prompt)).getMessage();
        assertEquals("blend names 513 words: expected at most 512", message);
        String text = String.join("+", Collections.nCopies(513, "jeep=2"));
        assertThrows(IllegalArgumentException.class, () -> words.emphasis(text, prompt));
        assertThrows(IllegalArgumentException.class, () -> words.gates(text, prompt));
    }

    @ParameterizedTest
    @CsvSource({"0.8, 0, 0.8", "0.2-0.8, 0.2, 0.8", "0, 0, 0", "1, 0, 1", " 0.5 - 0.5 , 0.5, 0.5", "1e-1, 0, 0.1",
        "1E-1-8e-1, 0.1, 0.8"})
    void aShareIsOneNumberOrTwo(String text, double from, double to) {
        assertEquals(new Words.Share(from, to), Words.Share.parse("self_replace", text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "1.1", "0.8-0.2", "-0.1", "half", "0.1-0.2-0.3", "NaN", "e-1", "0.2-1e"})
    void aShareIsNothingElse(String text) {
        fails(() -> Words.Share.parse("self_replace", text), "self_replace");
    }

    @ParameterizedTest
    @CsvSource({"1, 0.2, 0.8", "1.0, 0.2, 0.8", "0-1, 0, 1", "0.5, 0, 0.5", "0.2-1, 0.2, 1", "1e-1, 0, 0.1", "10e-1, 0.2, 0.8"})
    void blendLatentsIsAShareOrYes(String text, double from, double to) {
        assertEquals(new Words.Share(from, to), Words.latents(text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "0.0", " 0 "})
    void blendLatentsIsNone(String text) {
        assertNull(Words.latents(text));
    }

    @Test
    void gatesAreForAllTokensAndThenForWords() {
        List<Gate> gates = words.gates("0.8+silver jeep=0.2 + road=0.1-1", prompt);
        assertEquals(3, gates.size());
        assertEquals(77, gates.get(0).tokens().length);
        assertEquals(0.8, gates.get(0).to());
        assertEquals(word(1).length + word(2).length, gates.get(1).tokens().length);
        assertArrayEquals(word(5), gates.get(2).tokens());
        assertEquals(0.1, gates.get(2).from());
        assertEquals(List.of(), words.gates("", prompt));
    }

    @Test
    void aWordsOwnShareCountsWhereverItStands() {
        List<Gate> gates = words.gates("silver=0.2+0.8", prompt);
        assertEquals(77, gates.get(0).tokens().length);
        assertArrayEquals(word(1), gates.get(1).tokens());
        assertEquals(0.2, gates.get(1).to());
    }

    @Test
    void emphasisIsOneButForItsWords() {
        float[] factors = words.emphasis("silver=10+road=-0.5", prompt);
        for (int token : word(1)) {
            assertEquals(10, factors[token]);
        }
        for (int token : word(5)) {
            assertEquals(-0.5f, factors[token]);
        }
        assertEquals(1, factors[0]);
        assertEquals(1, factors[word(2)[0]]);
        assertEquals(1, factors[76]);
    }

    @ParameterizedTest
    @ValueSource(strings = {"silver", "=3", "silver=much", "silver=1001", "silver=NaN", "silver=", "silver:10", "+silver=2"})
    void emphasisOfAnotherFormIsTold(String text) {
        fails(() -> words.emphasis(text, prompt), "emphasize");
    }

    @Test
    void blendTakesTheSourcesWordsBeforeTheSlashAndThePromptsAfter() {
        Prompt target = tokenizer.encode("a red bus on a road", 77);
        assertArrayEquals(word(2), words.sourceBlend("jeep/bus", prompt));
        assertArrayEquals(target.find("bus", tokenizer), words.targetBlend("jeep/bus", target));
        assertArrayEquals(target.find("road", tokenizer), words.targetBlend("jeep+road", target));
        assertArrayEquals(word(2), words.sourceBlend("-jeep/bus", prompt));
        assertArrayEquals(target.find("bus", tokenizer), words.targetBlend("-jeep/bus", target));
        assertArrayEquals(target.find("road", tokenizer), words.targetBlend("-jeep+road", target));
        assertEquals(word(1).length + word(2).length, words.sourceBlend("silver+jeep+silver", prompt).length);
    }

    @Test
    void blendThatNamesNoWordIsTold() {
        for (String none : List.of("/bus", "+", " / ", "/")) {
            fails(() -> words.sourceBlend(none, prompt), "blend");
        }
        assertEquals(0, words.targetBlend("jeep/", prompt).length);
        assertEquals(0, words.targetBlend("bus", prompt).length, "what an edit removes");
    }

    @Test
    void aWordThatThePromptLacksIsToldWithTheOptionAndTheWordsItHas() {
        fails(() -> words.gates("0.8+horse=0.2", prompt), "cross_replace: ", "'horse'", "a silver jeep on a road");
        fails(() -> words.emphasis("horse=2", prompt), "emphasize: ", "'horse'", "a silver jeep on a road");
        fails(() -> words.sourceBlend("horse", prompt), "blend: ", "'horse'", "a silver jeep on a road");
    }

    /** The authors' code gives the last words after two blanks no token, and then does nothing. */
    @Test
    void aWordWithoutTokensChangesNothingAndIsTold() {
        List<String> told = new ArrayList<>();
        PromptWords published = new PromptWords(tokenizer, true, (level, message) -> told.add(level + " " + message));
        Prompt blanks = tokenizer.encode("a jeep  on the road", 77);
        float[] factors = published.emphasis("road=10+jeep=2", blanks);
        assertEquals(published.sourceBlend("jeep", blanks).length, IntStream.range(0, 77).filter(token -> factors[token] == 2).count());
        assertEquals(0, IntStream.range(0, 77).filter(token -> factors[token] == 10).count());
        assertEquals(List.of(Log.WARNING + " emphasize: 'road' of 'a jeep  on the road' has no token as the authors' code counts them, "
                + "and changes nothing"), told);
        assertEquals(0, published.gates("0.8+road=0.2", blanks).get(1).tokens().length);
        assertEquals(0, published.sourceBlend("road/jeep", blanks).length);
        assertEquals(0, published.targetBlend("jeep/road", blanks).length);
        assertFalse(published.has("road", blanks));
        assertTrue(published.has("jeep", blanks));
        assertEquals(0, published.sourceBlend("/jeep", blanks).length, "none of the source");
        fails(() -> published.sourceBlend("-road", blanks), "blend=-road", "'a jeep  on the road'");
        fails(() -> published.emphasis("horse=2", blanks), "emphasize: ", "'horse'");
    }

    /** So that a preset whose words are parts of others can be used with parity=1. */
    @Test
    void aPartOfASpacedWordChangesNothingWhereWordsAreAsPublished() {
        List<String> told = new ArrayList<>();
        PromptWords published = new PromptWords(tokenizer, true, (level, message) -> told.add(message));
        Prompt hyphen = tokenizer.encode("jeep-e style a road", 77);
        assertTrue(IntStream.range(0, 77).anyMatch(token -> words.emphasis("jeep=10", hyphen)[token] == 10));
        assertArrayEquals(words.emphasis("", hyphen), published.emphasis("jeep=10", hyphen));
        assertEquals(List.of("emphasize: 'jeep' of 'jeep-e style a road' has no token as the authors' code counts them, "
                + "and changes nothing"), told);
    }

    @Test
    void whatTheTextEncoderDoesNotSee() {
        Prompt longer = tokenizer.encode("a silver jeep on a road, on a road, on a road at night", 12);
        assertTrue(longer.cut().contains("night</w>"));
        assertArrayEquals(words.sourceBlend("jeep", longer), words.sourceBlend("jeep+night", longer));
        String told = "the word 'night' comes after the 10 tokens that the text encoder sees of the prompt '" + longer.text() + "'";
        fails(() -> words.sourceBlend("night", longer), "blend: " + told);
        fails(() -> words.emphasis("night=10", longer), "emphasize: " + told);
        fails(() -> words.sourceBlend("jeep+horse", longer), "'horse' is not in 'a");
    }

    private static void fails(Executable reading, String... told) {
        String message = assertThrows(IllegalArgumentException.class, reading).getMessage();
        for (String text : told) {
            assertTrue(message.contains(text), message);
        }
    }
}
