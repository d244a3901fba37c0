package org.fatezero.filter;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

import static org.fatezero.filter.Ffmpeg.REAL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** With {@code inversion=} a film that was stopped goes on where it was. */
@Tag("filter")
class ResumeTest {
    private static final String FILM = "-v verbose -f lavfi -i testsrc2=s=64x48:r=25,trim=end_frame=36 -vf";
    private static final String EDIT = "format=rgb24,fatezero=precision=fp32:size=32:steps=8:window=3:model=tests/golden/tiny:"
        + "prompt=a red jeep:source=a jeep:inversion=";

    /** {@code -Dtrials=50} tries more moments. */
    @ParameterizedTest
    @ValueSource(strings = {"INT", "KILL"})
    void everyFrameIsThatOfAnUndisturbedRun(String signal, @TempDir Path folder) throws Exception {
        long begin = System.nanoTime();
        List<String> expected = REAL.frames(FILM, EDIT + folder.resolve("undisturbed"));
        int whole = (int) ((System.nanoTime() - begin) / 1_000_000);
        Random random = new Random(signal.length());
        int trials = Integer.getInteger("trials", 5);
        for (int trial = 0; trial < trials; trial++) {
            Ffmpeg.Running running = REAL.start(FILM, EDIT + folder.resolve("stopped"), "-f", "null", "-");
            if (trial % 2 == 0) // the others while Java starts, too
                running.await("window 1: 3 frames in");
            Thread.sleep(random.nextInt(whole / 4));
            running.signal(signal);
            running.finish();
        }
        Ffmpeg.Result result = REAL.run(FILM, EDIT + folder.resolve("stopped"), "-fps_mode", "passthrough", "-f", "framemd5", "-")
            .succeeded();
        assertTrue(result.log().contains("edit read from"), result::tail);
        List<String> found = result.lines().stream().filter(line -> !line.startsWith("#")).toList();
        assertEquals(expected.size(), found.size());
        assertEquals(List.of(), IntStream.range(0, found.size()).filter(i -> !found.get(i).equals(expected.get(i))).boxed().toList(),
            () -> "these frames are others: " + result.log());
    }
}
