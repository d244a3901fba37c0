package org.fatezero.bench;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/** What FFmpeg, the filter and the bridge take, measured with an engine that only inverts colours. */
final class HostOverhead {

    private static final int SHORT = 80;
    private static final int LONG = 880;

    private HostOverhead() {
    }

    /** What one more square frame takes, its conversion to RGB and back and the stand-in's own work included. */
    static double secondsAFrame(int side) throws IOException, InterruptedException {
        double fewer = Math.min(run(side, SHORT), run(side, SHORT));
        double more = Math.min(run(side, LONG), run(side, LONG));
        return Math.max(0, (more - fewer) / (LONG - SHORT));
    }

    private static double run(int side, int frames) throws IOException, InterruptedException {
        ProcessBuilder process = new ProcessBuilder(List.of("build/ffmpeg/bin/ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi",
                "-i", "color=s=" + side + "x" + side, "-frames:v", Integer.toString(frames),
                "-vf", "format=yuv420p,fatezero=window=8:steps=1,format=yuv420p", "-f", "null", "-"))
                .redirectError(ProcessBuilder.Redirect.DISCARD);
        process.environment().putAll(Map.of("FATEZERO_HOME", "build/stub"));
        long begin = System.nanoTime();
        if (process.start().waitFor() != 0) {
            throw new IOException(String.join(" ", process.command()) + " fails, with FATEZERO_HOME=build/stub");
        }
        return (System.nanoTime() - begin) / 1e9;
    }
}
