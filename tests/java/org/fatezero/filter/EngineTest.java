package org.fatezero.filter;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.fatezero.filter.Ffmpeg.REAL;
import static org.fatezero.filter.Ffmpeg.times;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The engine itself inside ffmpeg, with a tiny model of random weights. */
@Tag("filter")
class EngineTest {
    private static final Path MODEL = Path.of("tests/golden/tiny").toAbsolutePath();
    private static final String INPUT = "-f lavfi -i testsrc2=s=66x36:r=25 -frames:v 9 -vf";
    private static final String EDIT = "select=mod(n\\,3),format=rgb24,fatezero=size=32:steps=2:window=4:model=" + MODEL;

    @Test
    void editsEveryFrameAndTheSameWayTwice() {
        List<String> source = REAL.frames(INPUT, "select=mod(n\\,3),format=rgb24");
        List<String> edited = REAL.frames(INPUT, EDIT);
        assertEquals(9, edited.size());
        assertEquals(times(source), times(edited));
        for (int i = 0; i < 9; i++)
            assertNotEquals(source.get(i), edited.get(i));
        assertEquals(edited, REAL.frames(INPUT, EDIT));
    }

    @Test
    void twoInstancesTwoOutputs() {
        String branch = "fatezero=size=32:steps=2:model=" + MODEL;
        Ffmpeg.Result result = REAL.run("-v verbose -f lavfi -i testsrc2=s=64x32:r=25:d=0.36 -filter_complex",
            "split[a][b];[a]" + branch + ":prompt=one[x];[b]" + branch + ":prompt=two:window=3[y]",
            "-map", "[x]", "-f", "framemd5", "-", "-map", "[y]", "-f", "null", "-").succeeded();
        assertEquals(9, result.lines().stream().filter(line -> !line.startsWith("#")).count());
        assertTrue(result.log().contains("window 2: 1 frames in") && result.log().contains("window 3: 3 frames in"),
            result::tail);
    }

    @Test
    void severalPresetsOneInversion() {
        Ffmpeg.Result result = REAL.run("-v verbose -f lavfi -i testsrc2=s=64x32:r=25:d=0.36 -filter_complex",
            "format=rgb24,fatezero=size=32:steps=2:presets=monet|enhance:model=" + MODEL + "[x][y]",
            "-map", "[x]", "-f", "framemd5", "-", "-map", "[y]", "-f", "framemd5", "-").succeeded();
        assertEquals(18, result.lines().stream().filter(line -> !line.startsWith("#")).distinct().count(), "each its own frames");
        assertTrue(result.log().contains("window 2: 1 frames in"), result::tail);
    }

    @Test
    void anInversionServesTheNextRun(@TempDir Path folder) {
        String input = "-v verbose -f lavfi -i testsrc2=s=66x36:r=25:d=0.36 -vf";
        String kept = "format=rgb24,fatezero=size=32:steps=2:window=4:model=" + MODEL + ":inversion=" + folder.resolve("kept");
        assertTrue(REAL.run(input, kept, "-f", "null", "-").succeeded().log().contains("inversion kept in " + folder));
        Ffmpeg.Result second = REAL.run(input, kept + ":prompt=a house", "-f", "null", "-").succeeded();
        assertEquals(3, second.log().lines().filter(line -> line.contains("inversion read from " + folder)).count(), second::tail);
        List<String> files = List.of(folder.resolve("kept").toFile().list());
        assertEquals(6, files.stream().filter(file -> file.endsWith(".edit.safetensors")).count(), "each window by two prompts");
        assertEquals(9, files.size(), "and three inversions");
    }

    /** No option at all: the default preset, and the model in the engine's jar. */
    @Test
    void worksAsItComes() {
        List<String> source = REAL.frames("-f lavfi -i testsrc2=s=128x128:r=25 -frames:v 1 -vf", "null");
        List<String> edited = REAL.frames("-f lavfi -i testsrc2=s=128x128:r=25 -frames:v 1 -vf", "fatezero");
        assertEquals(times(source), times(edited));
        assertNotEquals(source, edited);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "preset=no-such               | watercolor                | Invalid argument",
        "model=/nowhere               | /nowhere                  | No such file or directory",
        "steps=0                      | 1 to 1000                 | Invalid argument",
        "window=0                     | 1 to 128                  | Invalid argument",
        "guidance=0.5                 | guidance=0.5: expected 1 to 50 | Invalid argument",
        "device=tpu                   | auto, cpu, cuda or cuda:N | Invalid argument",
        "promptfile=/nowhere          | /nowhere                  | No such file or directory",
        "source=a jeep:prompt=a red jeep:emphasize=bus=2:model=MODEL | jeep | Invalid argument",
    })
    void badInput(String options, String text, String code) {
        Ffmpeg.Result result = REAL.run(INPUT, "fatezero=" + options.replace("MODEL", MODEL.toString()), "-f", "null", "-");
        assertNotEquals(0, result.status());
        String line = result.log().lines().filter(one -> one.startsWith("[Parsed_fatezero") && !one.endsWith(" s left"))
            .findFirst().orElse("");
        assertTrue(line.contains(text), result::tail);
        assertTrue(result.log().contains(code), result::tail);
        assertTrue(result.seconds() < 30, () -> result.seconds() + " s");
    }

    @Test
    void aTruncatedModel(@TempDir Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(MODEL)) {
            for (Path file : files.toList())
                if (Files.isRegularFile(file)) {
                    Path copy = folder.resolve(MODEL.relativize(file).toString());
                    Files.createDirectories(copy.getParent());
                    Files.copy(file, copy);
                }
        }
        Path weights = folder.resolve("unet/diffusion_pytorch_model.safetensors");
        try (RandomAccessFile file = new RandomAccessFile(weights.toFile(), "rw")) {
            file.setLength(file.length() - 4);
        }
        Ffmpeg.Result result = REAL.run(INPUT, "fatezero=model=" + folder, "-f", "null", "-");
        assertNotEquals(0, result.status());
        assertTrue(result.log().contains("diffusion_pytorch_model.safetensors"), result::tail);
        assertTrue(result.log().contains("Invalid data found"), result::tail);
    }

    /** Libraries are used where they lie: no cache, so none that could be full, stale or unwritable. */
    @Test
    void nothingIsUnpacked(@TempDir Path home) throws IOException {
        REAL.and("JAVA_TOOL_OPTIONS", "-Duser.home=" + home).run(INPUT, EDIT, "-f", "null", "-").succeeded();
        try (Stream<Path> files = Files.list(home)) {
            assertFalse(files.findAny().isPresent());
        }
    }
}
