package org.fatezero.filter;

import static org.fatezero.filter.Ffmpeg.REAL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Every preset there is, on the built-in model, all of a kind in one process. */
@Tag("filter")
class PresetFilesTest {

    private static final String QUICK = ":steps=2:window=2";

    /** Edits two frames with each of {@code edits}, options of the filter; all differ from the source. */
    private static Ffmpeg.Result edit(List<String> edits) {
        StringBuilder graph = new StringBuilder("split=" + (edits.size() + 1) + "[source]");
        for (int i = 0; i < edits.size(); i++)
            graph.append("[in").append(i).append("]");
        List<String> outputs = new ArrayList<>(List.of("-map", "[source]", "-f", "framemd5", "-"));
        for (int i = 0; i < edits.size(); i++) {
            graph.append(";[in").append(i).append("]fatezero=").append(edits.get(i)).append(QUICK).append("[out").append(i).append("]");
            outputs.addAll(List.of("-map", "[out" + i + "]", "-f", "framemd5", "-"));
        }
        outputs.add(0, graph.toString());
        Ffmpeg.Result result = REAL.run("-f lavfi -i testsrc2=s=32x32:r=1:d=2,format=rgb24 -filter_complex",
            outputs.toArray(String[]::new)).succeeded();
        List<String> frames = result.lines().stream().filter(line -> !line.startsWith("#")).toList();
        assertEquals(2 * (edits.size() + 1), frames.size(), result::tail);
        List<String> hashes = frames.stream().map(line -> line.substring(line.lastIndexOf(',') + 1)).toList();
        // outputs of one process come interleaved, but an edit that changed nothing would bring the source's hashes again; two
        // of the authors' files differ in their steps alone
        long distinct = hashes.stream().distinct().count();
        assertTrue(distinct >= 2 * edits.size(), distinct + " different frames of " + frames.size());
        return result;
    }

    private static List<Path> files(Path folder, String extension) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(file -> file.toString().endsWith(extension)).sorted().toList();
        }
    }

    @Test
    void theShippedOnes() throws IOException {
        List<String> names = files(Path.of("presets"), ".preset").stream()
            .map(file -> file.getFileName().toString().replace(".preset", "")).toList();
        assertTrue(names.size() >= 12, names.toString());
        edit(names.stream().map(name -> "preset=" + name + ":source=a red jeep on a road:from=jeep:to=car").toList());
    }

    @Test
    void aConfigurationAndEachOfItsEdits() {
        String file = "preset=tests/configurations/jeep.yaml";
        String log = edit(List.of(file, file + ":edit=0", file + ":edit=2", file + ":edit=3", file + ":attention=reconstruction")).log();
        assertTrue(log.contains("without meaning in a filter") && log.contains("pretrained_model_path") && log.contains("sculpture"), log);
        assertEquals(5, log.lines().filter(line -> line.contains("without meaning")).count(), "once an instance, not once a frame");
    }

    /** With -Dauthors, the folder of the configuration files in the authors' repository. */
    @Test
    @EnabledIfSystemProperty(named = "authors", matches = ".+")
    void theAuthorsOwnFiles() throws IOException {
        List<Path> files = files(Path.of(System.getProperty("authors")), ".yaml");
        assertFalse(files.isEmpty());
        edit(files.stream().map(file -> "preset=" + file).toList());
    }

    /** A window is not waited for where there is one frame. */
    @Test
    void aPictureIsEditedIntoAPicture(@TempDir Path folder) throws IOException {
        String in = folder.resolve("in.png").toString();
        String out = folder.resolve("out.png").toString();
        REAL.run("-f lavfi -i testsrc2=s=36x20 -frames:v 1 -update 1 " + in).succeeded();
        REAL.run("-i " + in + " -vf fatezero=preset=monet:steps=2:size=32 -frames:v 1 -update 1 " + out).succeeded();
        List<String> source = REAL.frames("-i " + in);
        List<String> edited = REAL.frames("-i " + out);
        assertEquals(1, edited.size());
        assertEquals(Ffmpeg.times(source), Ffmpeg.times(edited));
        assertNotEquals(source, edited);
    }

    @Test
    void aWrongFieldIsOneLine() {
        Ffmpeg.Result result = REAL.run("-f lavfi -i testsrc2=s=40x32:r=25:d=0.08 -vf",
            "fatezero=preset=tests/configurations/jeep.yaml:edit=7", "-f", "null", "-");
        List<String> told = result.log().lines().filter(line -> line.contains("edit=7")).toList();
        assertEquals(1, told.size(), result::tail);
        assertTrue(told.get(0).contains(
            "edit=7: expected one of the editing_prompts of tests/configurations/jeep.yaml: 0 'a red jeep"), told.get(0));
        assertTrue(result.log().contains("Invalid argument"), result::tail);
    }
}
