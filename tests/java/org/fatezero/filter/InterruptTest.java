package org.fatezero.filter;

import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.fatezero.filter.Ffmpeg.REAL;
import static org.fatezero.filter.Ffmpeg.STUB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Whoever stops ffmpeg in the middle of a window gets a file that plays, at once. */
@Tag("filter")
class InterruptTest {
    @ParameterizedTest
    @CsvSource({"INT, window 1: inverting, 16 frames pass unedited, 16", "INT, window 1: 8 frames in, 16 frames dropped, 8",
                "TERM, window 1: 8 frames in, 16 frames dropped, 8", "XCPU, window 1: 8 frames in, 16 frames dropped, 8"})
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

    @ParameterizedTest
    @CsvSource({"start 2000, the stub starts", "load 300, the stub has loaded 3"})
    void loadingEndsSoonWithAPlayableFile(String source, String logged, @TempDir Path folder) throws Exception {
        Path file = folder.resolve("out.mp4");
        Ffmpeg.Running running = STUB.start("-v verbose -f lavfi -i testsrc2=s=64x48:r=25:d=10 -vf",
            "fatezero=source='" + source + "':show=compare,format=yuv420p", "-c:v", "libx264", file.toString());
        running.await(logged);
        running.signal("INT");
        Ffmpeg.Result result = running.finish();
        assertEquals(255, result.status(), result::tail);
        assertTrue(result.log().contains("interrupted before the first window"), result::tail);
        assertFalse(result.log().contains("the stub has loaded 10") || result.log().contains("frames lost"), result::tail);
        List<String> frames = STUB.frames("-i " + file);
        assertEquals(1, frames.size());
        assertEquals(64 * 48 * 3 / 2, Integer.parseInt(frames.get(0).split(", *")[4]));
    }

    /** The second filter waits for the first to load, and begins to listen only then. */
    @Test
    void thoseAfterItInTheGraphHearItToo(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("out.mp4");
        Ffmpeg.Running running = STUB.start("-v verbose -f lavfi -i testsrc2=s=64x48:r=25:d=10 -vf",
            "fatezero=source='load 300',fatezero=source='load 301'", "-c:v", "libx264", file.toString());
        running.await("the stub has loaded 3");
        running.signal("INT");
        Ffmpeg.Result result = running.finish();
        assertEquals(255, result.status(), result::tail);
        assertFalse(result.log().contains("the stub has loaded 10") || result.log().contains("window 1"), result::tail);
        assertFalse(STUB.frames("-i " + file).isEmpty());
    }

    /** The stream ends where its last frame does; until then a filter after this one would fill up. */
    @Test
    void theEndIsToldInTheTimeOfTheLink(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("out.mp4");
        Ffmpeg.Running running = STUB.start("-v verbose -stream_loop 5 -i tests/media/fox.mp4 -vf",
            "settb=1/5,fatezero=source='load 300',fps=25", "-c:v", "libx264", file.toString());
        running.await("the stub has loaded 3");
        running.signal("INT");
        Ffmpeg.Result result = running.finish();
        assertTrue(result.log().contains("interrupted before the first window"), result::tail);
        int frames = STUB.frames("-i " + file).size();
        assertTrue(frames > 0 && frames <= 50, frames + " frames of a fifth of a second");
    }

    /** What the host's handler does at the fourth signal, it does once the libraries are loaded, or it would not end. */
    @Test
    void signalsWaitWhileLibrariesAreLoaded(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("out.mp4");
        Ffmpeg.Running running = STUB.start("-v verbose -f lavfi -i testsrc2=s=64x48:r=25:d=10 -vf",
            "fatezero=source='start 2000'", "-c:v", "libx264", file.toString());
        running.await("the stub starts");
        for (int i = 0; i < 8; i++)
            running.signal("INT");
        Ffmpeg.Result result = running.finish();
        assertEquals(255, result.status(), result::tail);
        assertEquals(1, STUB.frames("-i " + file).size());
    }

    /** Java may never get to its end, as where a debugger is waited for. */
    @Test
    void aStartThatHangsEndsAtTheFourthSignal(@TempDir Path folder) throws Exception {
        Ffmpeg.Running running = STUB.start("-v verbose -f lavfi -i testsrc2=s=64x48:r=25:d=10 -vf",
            "fatezero=source='start 60000'", "-f", "null", "-");
        running.await("the stub starts");
        Thread.sleep(7000);
        for (int i = 0; i < 4; i++) {
            running.signal("INT");
            Thread.sleep(100);
        }
        assertTrue(running.process().waitFor(5, TimeUnit.SECONDS), "it still runs");
        assertEquals(128 + 2, running.process().exitValue());
    }

    /** {@code -Dtrials=100} tries more. The moments are spread from before Java starts to libtorch's end. */
    @Test
    void anyNumberOfSignalsAtAnySpacingEndsIt(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("out.mp4");
        String[] moments = {"Stream mapping:", "on cpu in", "window 1: 8 frames in", "window 1: 8 frames in"};
        int[] spacings = {0, 1, 10, 50, 200};
        Random random = new Random(10);
        List<Double> seconds = new ArrayList<>();
        for (int trial = 0; trial < Integer.getInteger("trials", 10); trial++) {
            Ffmpeg.Running running = REAL.start("-v verbose -f lavfi -i testsrc2=s=128x96:r=25:d=40 -vf",
                "fatezero=model=tests/golden/tiny:precision=fp32:size=64", "-c:v", "libx264", file.toString());
            int spacing = spacings[random.nextInt(spacings.length)];
            StringBuilder burst = new StringBuilder("sleep " + random.nextInt(1000) / 1e3);
            int signals = 1 + random.nextInt(12);
            for (int i = 0; i < signals; i++)
                burst.append("; kill -INT ").append(running.process().pid()).append("; sleep ").append(random.nextInt(spacing + 1) / 1e3);
            running.await(moments[trial % moments.length]);
            new ProcessBuilder("sh", "-c", burst.toString()).redirectErrorStream(true).redirectOutput(Redirect.DISCARD).start().waitFor();
            long last = System.nanoTime();
            Ffmpeg.Result result = running.finish();
            seconds.add((System.nanoTime() - last) / 1e9);
            String what = "trial " + trial + ", " + burst;
            // ffmpeg's own: ended in order, at the fourth signal, or at a second before it has written a header
            assertTrue(result.status() == 255 || result.status() == 123
                || result.status() == 1 && result.log().contains("Immediate exit requested"),
                () -> what + ": " + result.status() + "\n" + result.tail());
            // before the filter listens, ffmpeg ends without a frame; at a second signal it writes no more
            if (signals == 1 && result.log().contains("interrupted"))
                assertFalse(REAL.frames("-i " + file).isEmpty(), () -> what + "\n" + result.tail());
        }
        System.getLogger("signals").log(System.Logger.Level.INFO, () -> "seconds from the last signal to the end, the longest last: "
            + seconds.stream().sorted().map(s -> String.format(Locale.ROOT, "%.2f", s)).toList());
    }
}
