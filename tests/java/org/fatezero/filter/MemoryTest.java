package org.fatezero.filter;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import static org.fatezero.filter.Ffmpeg.REAL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Memory of the ffmpeg process with the engine itself and a tiny model. */
@Tag("filter")
class MemoryTest {
    private static final String MODEL = ":model=" + Path.of("tests/golden/tiny").toAbsolutePath();

    /** As many windows as {@code -Dwindows=} says. */
    private static final int WINDOWS = Integer.getInteger("windows", 500);
    private static final int EVERY = 50;
    private static final int WARM = 250;            // until then Java compiles most of its methods, later where others use the processor
    private static final long GROWTH_KIB = 512;     // in as many windows; a frame, of 56 KiB, left behind by each would be 2,800
    private static final long ROOM_KIB = 16 << 10;  // for methods that are compiled late, which takes some MiB at once

    /** Not even the peak of resident memory grows from window to window. */
    @Test
    void residentMemoryIsFlat() throws Exception {
        Ffmpeg.Running running = REAL.start("-v verbose -f lavfi -i testsrc2=s=160x120:r=25 -frames:v " + 2 * (WINDOWS + EVERY) + " -vf",
            "fatezero=size=16:steps=1:window=2" + MODEL, "-f", "null", "-");
        List<Long> peaks = new ArrayList<>();
        for (int window = WARM; window <= WINDOWS; window += EVERY) {
            running.await("window " + window + ": 2 frames in");
            peaks.add(running.kib("VmHWM"));
        }
        running.finish().succeeded();
        String measured = "KiB resident at most, every " + EVERY + " windows: " + peaks;
        System.getLogger("memory").log(System.Logger.Level.INFO, measured);
        long[] growth = IntStream.range(1, peaks.size()).mapToLong(i -> peaks.get(i) - peaks.get(i - 1)).sorted().toArray();
        assertTrue(growth[growth.length / 2] < GROWTH_KIB, measured);
        assertTrue(peaks.get(peaks.size() - 1) - peaks.get(0) < ROOM_KIB, measured);
    }

    /**
     * The first window, of one frame, tells what the process takes; the second would take some 220 MiB more, most of them for kept
     * attention. The virtual machine ends the process if it finds no room itself: so it must not compile much, and has a little more
     * room afterwards.
     */
    @Test
    void aWindowThatFindsNoRoomIsEditedInLess() throws Exception {
        String options = "source=a jeep:precision=fp32:size=192:steps=16:window=8:fuse_at=64:self_replace=1:cross_replace=1:store=keep";
        Ffmpeg.Running running = REAL.and("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1").start(
            "-v verbose -f lavfi -i testsrc2=s=64x64:r=25:d=0.4 -vf",
            "fatezero=" + options + ":enable='not(eq(n,1))'" + MODEL, "-f", "null", "-");
        running.await("window 1: 1 frames in");
        long taken = running.kib("VmData") >> 10;
        limit(running, taken + 120);
        running.await("no memory left for 8 frames edited at 192x192: once more");
        limit(running, taken + 220);
        assertTrue(running.finish().succeeded().log().contains("window 2: 8 frames in"));
    }

    @Test
    void framesThatFindNoRoomAreAnErrorThatSaysWhatToLower() throws Exception {
        Ffmpeg.Running running = REAL.start("-v verbose -f lavfi -i testsrc2=s=64x64:r=25:d=0.4 -vf",
            "fatezero=precision=fp32:size=4096:steps=1:window=8:on_error=fail" + MODEL, "-f", "null", "-");
        running.await("on cpu in fp32");
        limit(running, (running.kib("VmData") >> 10) + 400);
        Ffmpeg.Result result = running.finish();
        assertTrue(result.status() != 0 && result.log().contains("MiB more are needed; lower window= or size="), result::tail);
    }

    private static void limit(Ffmpeg.Running running, long mib) throws IOException, InterruptedException {
        assertEquals(0, new ProcessBuilder("prlimit", "--pid", Long.toString(running.process().pid()), "--data=" + (mib << 20) + ":")
            .inheritIO().start().waitFor());
    }
}
