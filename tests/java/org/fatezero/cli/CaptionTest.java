package org.fatezero.cli;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import picocli.CommandLine;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** {@code fatezero caption}. */
class CaptionTest {

    private static final String JEEP = "tests/media/jeep.mp4";

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... arguments) {
        return new CommandLine(new Caption()).setOut(new PrintWriter(out)).setErr(new PrintWriter(err))
                .setExecutionExceptionHandler((error, command, given) -> {
                    err.append(error.getMessage());
                    return 1;
                }).execute(arguments);
    }

    @Test
    void printsOneLine() {
        assertEquals(0, run(JEEP), err.toString());
        assertEquals("a red jeep driving down a curvy road in the countryside\n", out.toString());
    }

    @Test
    void printsJson() {
        assertEquals(0, run("--json", JEEP), err.toString());
        assertEquals("{\n  \"video\": \"" + JEEP + "\",\n  \"caption\": \"a red jeep driving down a curvy road in the countryside\"\n}\n",
                out.toString());
    }

    @Test
    void takesABlip() {
        assertEquals(0, run("--captioner", "tests/golden/blip", JEEP), err.toString());
        assertTrue(out.toString().strip().matches("[a-z0-9 ]+"), out.toString());
    }

    @Test
    void aModelWithoutACaptionerIsToldHowToGetOne() {
        assertEquals(1, run("--model", "tests/golden/tiny", JEEP));
        assertTrue(err.toString().contains("hf download Salesforce/blip-image-captioning-base"), err.toString());
    }

    @Test
    void whatIsMissingIsNamed(@TempDir Path folder) {
        assertEquals(1, run("--captioner", folder.resolve("none").toString(), JEEP));
        assertTrue(err.toString().contains("captioner=" + folder.resolve("none") + ": not found"), err.toString());
        assertEquals(1, run(folder.resolve("none.mp4").toString()));
        assertTrue(err.toString().contains("none.mp4"), err.toString());
    }
}
