package org.fatezero.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

class ModelConfigTest {

    @TempDir
    private Path folder;

    private ModelConfig config(String json) throws IOException {
        return new ModelConfig(Files.writeString(file(), json));
    }

    private Path file() {
        return folder.resolve("config.json");
    }

    @Test
    void readsEachType() throws Exception {
        ModelConfig config = config("""
                {"width": 8, "eps": 1e-5, "flip": true, "act": "silu", "channels": [8, 16], "blocks": ["a", "b"]}""");
        assertEquals(8, config.integer("width", 1));
        assertEquals(1e-5, config.number("eps", 1.0));
        assertTrue(config.flag("flip", false));
        assertEquals("silu", config.text("act", "gelu"));
        assertArrayEquals(new int[] {8, 16}, config.integers("channels"));
        assertEquals(List.of("a", "b"), config.texts("blocks"));
    }

    @Test
    void whatIsAbsentOrNullHasItsFallback() throws Exception {
        ModelConfig config = config("{\"width\": null}");
        assertEquals(3, config.integer("width", 3));
        assertEquals(0.5, config.number("eps", 0.5));
        assertFalse(config.flag("flip", false));
        assertEquals("gelu", config.text("act", "gelu"));
        config.require("act", "silu", "gelu");
    }

    @Test
    void whatHasNoFallbackMustBeThere() throws Exception {
        ModelConfig config = config("{}");
        fails(() -> config.integers("channels"), "channels is missing");
        fails(() -> config.text("act", null), "act is missing");
    }

    @ParameterizedTest
    @ValueSource(strings = {"-1", "0.5", "1e9", "\"wide\"", "[1, 2]", "{}", "NaN", "true"})
    void anIntegerIsNothingElse(String value) throws Exception {
        ModelConfig config = config("{\"width\": " + value + "}");
        fails(() -> config.integer("width", 1), "width is ");
    }

    @Test
    void aValueOfAnotherTypeIsToldWithWhatIsExpected() throws Exception {
        ModelConfig config = config("""
                {"flip": 1, "act": {"name": "silu"}, "channels": [8, -8], "blocks": [["a"]], "one": 8, "none": [],
                 "many": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}""");
        fails(() -> config.flag("flip", true), "flip is 1", "true or false");
        fails(() -> config.text("act", "silu"), "act is {", "a text");
        fails(() -> config.integers("channels"), "channels is [8,-8]", "integers");
        fails(() -> config.texts("blocks"), "blocks is [[", "texts");
        fails(() -> config.integers("one"), "one is 8", "list");
        fails(() -> config.integers("none"), "none is []", "1 to 16");
        fails(() -> config.integers("many"), "1 to 16");
    }

    @Test
    void whatNoBlockImplementsIsRefusedWithWhatIs() throws Exception {
        ModelConfig config = config("{\"act_fn\": \"relu\"}");
        fails(() -> config.require("act_fn", "silu", "gelu"), "act_fn is \"relu\"", "silu or gelu");
    }

    @Test
    void whatMustNotBeSetIsRefused() throws Exception {
        config("{\"betas\": null}").requireAbsent("betas");
        ModelConfig config = config("{\"betas\": [" + "0.125, ".repeat(1000) + "1]}");
        fails(() -> config.requireAbsent("betas"), "betas is [0.125,0.125", "..., expected nothing");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "null", "3", "{", "{\"a\": 1", "{} {}", "<html>"})
    void aFileThatIsNotAnObject(String json) {
        fails(() -> config(json), "not a JSON object");
    }

    @Test
    void aFileThatNestsWithoutEnd() {
        fails(() -> config("[".repeat(500_000)), "not a JSON object");
        fails(() -> config("{\"a\":".repeat(100_000)), "not a JSON object");
    }

    @Test
    void aFileThatIsNotText() throws Exception {
        Files.write(file(), "{\"é\": 1}".getBytes(StandardCharsets.ISO_8859_1));
        fails(() -> new ModelConfig(file()), "UTF-8");
    }

    @Test
    void aFileThatIsTooLarge() {
        fails(() -> config(" ".repeat(1 << 21)), "larger");
    }

    @Test
    void aFileThatIsNotThere() {
        String message = assertThrows(NoSuchFileException.class, () -> new ModelConfig(file())).getMessage();
        assertTrue(message.contains(file().toString()) && message.contains("diffusers"), message);
    }

    private void fails(Executable reading, String... told) {
        String message = assertThrows(IOException.class, reading).getMessage();
        assertTrue(message.contains(file().toString()), message);
        assertEquals(1, message.lines().count(), message);
        for (String text : told) {
            assertTrue(message.contains(text), message);
        }
    }
}
