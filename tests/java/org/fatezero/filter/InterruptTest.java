package org.fatezero.filter;

import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.fatezero.filter.Ffmpeg.STUB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Whoever stops ffmpeg in the middle of a window gets a file that plays, at once. */
@Tag("filter")
class InterruptTest {
    @ParameterizedTest
    @CsvSource({"INT, window 1: inverting, 16 frames pass unedited, 16", "INT, window 1: 8 frames in, 16 frames dropped, 8",
                "TERM, window 1: 8 frames in, 16 frames dropped, 8"})
    void endsSoonWithAPlayableFile(String signal, String logged, String told, int frames, @TempDir Path folder) throws Exception {
        Path file = folder.resolve("out.mp4");
        // a window lasts 6.6 s
        Ffmpeg.Running running = STUB.start("-v verbose -f lavfi -i testsrc2=s=64x48:r=25:d=10 -vf",
            "fatezero=steps=10:prompt='sleep 150'", "-c:v", "libx264", file.toString());
        running.await(logged);
        Thread.sleep(500);
        long start = System.nanoTime();
        running.signal(signal);
        Ffmpeg.Result result = running.finish();
        double seconds = (System.nanoTime() - start) / 1e9;
        assertTrue(seconds < 2, seconds + " s: " + result.tail());
        assertTrue(result.log().contains("interrupted: " + told), result::tail);
        assertEquals(frames, STUB.frames("-i " + file).size());
    }
}
