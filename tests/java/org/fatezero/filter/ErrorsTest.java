package org.fatezero.filter;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.fatezero.filter.Ffmpeg.STUB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** What cannot work says so in one line, within seconds, with the error code that fits. */
@Tag("filter")
class ErrorsTest {
    private static final String INPUT = "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 20 -vf";

    /** Fails soon, with one line of the filter that holds the text, and FFmpeg's words for the code. */
    private static void assertFails(Ffmpeg ffmpeg, String filter, String text, String code) {
        Ffmpeg.Result result = ffmpeg.run(INPUT, filter, "-f", "null", "-");
        assertNotEquals(0, result.status());
        List<String> lines = result.log().lines()
            .filter(line -> line.startsWith("[Parsed_fatezero") && !line.contains("Failed to configure output pad")).toList();
        assertEquals(1, lines.size(), result::tail);
        assertTrue(lines.get(0).contains(text), lines.get(0));
        assertTrue(result.log().contains(code), result::tail);
        assertTrue(result.seconds() < 10, () -> result.seconds() + " s");
    }

    @Test
    void noJvm() {
        assertFails(STUB.and("FATEZERO_JVM", "/nowhere/libjvm.so"), "fatezero",
            "no Java virtual machine, version 17 or newer; tried /nowhere/libjvm.so;", "Function not implemented");
    }

    @Test
    void aJvmThatIsNone(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(folder.resolve("libjvm.so"), "not a library");
        assertFails(STUB.and("FATEZERO_JVM", file.toString()), "fatezero", file + ": ", "Function not implemented");
    }

    @Test
    void anOldJvm(@TempDir Path home) throws Exception {
        Files.createDirectories(home.resolve("lib/server"));
        Files.writeString(home.resolve("lib/server/libjvm.so"), "not loaded at all");
        for (String version : List.of("11.0.27", "1.8.0_452")) {
            Files.writeString(home.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"" + version + "\"\n");
            assertFails(STUB.and("FATEZERO_JVM", home + "/lib/server/libjvm.so"), "fatezero",
                "libjvm.so: Java " + (version.startsWith("11") ? 11 : 8) + " is too old", "Function not implemented");
        }
    }

    /** JAVA_HOME leads to an old one, but PATH or the distribution has another. */
    @Test
    void anOldJavaHomeIsPassedOver(@TempDir Path home) throws Exception {
        Files.createDirectories(home.resolve("lib/server"));
        Files.writeString(home.resolve("lib/server/libjvm.so"), "not loaded at all");
        Files.writeString(home.resolve("release"), "JAVA_VERSION=\"11.0.27\"\n");
        STUB.and("JAVA_HOME", home.toString()).run(INPUT, "fatezero=steps=2", "-f", "null", "-").succeeded();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "-Xmx999999g                       | Could not reserve enough space for 1048574951424",
        "-XX:+UseG1GC -XX:+UseParallelGC   | Multiple garbage collectors selected",
        "garbage                           | its own message is above",
    })
    void javaThatCannotStart(String options, String why) {
        assertFails(STUB.and("JAVA_TOOL_OPTIONS", options), "fatezero",
            "the Java virtual machine does not start: " + why, "Function not implemented");
        assertFails(STUB.and("JAVA_TOOL_OPTIONS", options), "fatezero",
            "; look at JAVA_TOOL_OPTIONS=" + options, "Function not implemented");
    }

    @Test
    void aCollectorOfTheUsersChoice() {
        STUB.and("JAVA_TOOL_OPTIONS", "-XX:+UseG1GC").run(INPUT, "fatezero=steps=2", "-f", "null", "-").succeeded();
    }

    @Test
    void aLogFileOfTheUsersChoice(@TempDir Path folder) throws IOException {
        Path log = folder.resolve("gc.log");
        Ffmpeg logging = STUB.and("JAVA_TOOL_OPTIONS", "-Xlog:gc:file=" + log + " -Xlog:gc");
        Ffmpeg.Result result = logging.run(INPUT, "fatezero=steps=2", "-f", "md5", "-").succeeded();
        assertTrue(Files.readString(log).contains("[gc] Using "), result::tail);
        assertTrue(new String(result.out(), StandardCharsets.US_ASCII).startsWith("MD5="), "and not on ffmpeg's standard output");
    }

    @Test
    void noEngine(@TempDir Path folder) {
        Path missing = folder.resolve("missing");
        assertFails(Ffmpeg.with("FATEZERO_HOME", missing.toString()), "fatezero",
            "the engine's folder " + missing + " is missing", "Function not implemented");
        assertFails(Ffmpeg.with("FATEZERO_HOME", folder.toString()), "fatezero",
            "no .jar in the engine's folder " + folder, "Function not implemented");
    }

    @Test
    void anotherJar(@TempDir Path folder) throws Exception {
        Files.write(folder.resolve("empty.jar"), new byte[0]);
        assertFails(Ffmpeg.with("FATEZERO_HOME", folder.toString()), "fatezero",
            "the engine's jar is missing or of another version", "Function not implemented");
    }

    @ParameterizedTest
    @CsvSource({
        "IllegalArgumentException, Invalid argument",
        "NoSuchFileException, No such file or directory",
        "IOException, Invalid data found when processing input",
        "OutOfMemoryError, Cannot allocate memory",
        "IllegalStateException, Generic error in an external library",
    })
    void exceptionsBeforeWorkAndDuringIt(String exception, String code) {
        String message = "Wörter sind \"Jeep\", \"Straße\" 🎨";
        assertFails(STUB, "fatezero=source='throw " + exception + " " + message + "'", message, code);
        assertFails(STUB, "fatezero=prompt='throw " + exception + " " + message + "'", message, code);
    }

    @Test
    void unknownOption() {
        Ffmpeg.Result result = STUB.run(INPUT, "fatezero=stepps=2", "-f", "null", "-");
        assertNotEquals(0, result.status());
        assertTrue(result.log().contains("stepps"), result::tail);
    }

    @Test
    void onErrorPass() {
        assertEquals(STUB.frames(INPUT, "format=rgb24"),
                     STUB.frames(INPUT, "format=rgb24,fatezero=steps=2:on_error=pass:prompt='throw IOException oops'"));
        Ffmpeg.Result result = STUB.run(INPUT, "fatezero=steps=2:on_error=pass:prompt='throw IOException oops'",
            "-f", "null", "-").succeeded();
        assertTrue(result.log().contains("oops; 8 frames pass unedited"), result::tail);
        // what cannot be opened is an error all the same
        assertNotEquals(0, STUB.run(INPUT, "fatezero=on_error=pass:source='throw IOException oops'", "-f", "null", "-").status());
    }

    /** A frame in RGB is twice as large as one that was allowed. */
    @Test
    void framesThatThereIsNoMemoryToEditPass() {
        String input = "-max_alloc 1200000 -f lavfi -i testsrc2=s=1024x512:r=25 -frames:v 10 -vf";
        assertEquals(STUB.frames(input, "format=yuv420p"), STUB.frames(input, "format=yuv420p,fatezero=steps=2:window=4:on_error=pass"));
        Ffmpeg.Result passed = STUB.run(input, "format=yuv420p,fatezero=steps=2:window=4:on_error=pass", "-f", "null", "-").succeeded();
        assertEquals(2, passed.log().split("Cannot allocate memory; 4 frames pass unedited", -1).length - 1, passed::tail);
        Ffmpeg.Result failed = STUB.run(input, "format=yuv420p,fatezero=steps=2:window=4", "-f", "null", "-");
        assertNotEquals(0, failed.status());
        assertTrue(failed.log().contains("Cannot allocate memory"), failed::tail);
    }
}
