package org.fatezero.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** Frames of packed RGB, one buffer a frame. */
final class Clip {

    private Clip() {
    }

    /** @param file of {@code n} frames of {@code side} pixels square; null for a gradient that moves */
    static ByteBuffer[] read(int n, int side, String file) throws IOException {
        byte[] given = file == null ? null : Files.readAllBytes(Path.of(file));
        ByteBuffer[] frames = new ByteBuffer[n];
        int bytes = side * side * 3;
        for (int i = 0; i < n; i++) {
            frames[i] = ByteBuffer.allocateDirect(bytes);
            for (int j = 0; j < bytes; j++) {
                frames[i].put(j, given != null ? given[i * bytes + j] : (byte) (j % (3 * side) * 255 / (3 * side) + 4 * i));
            }
        }
        return frames;
    }

    static void write(Path path, ByteBuffer[] frames) throws IOException {
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.WRITE)) {
            for (ByteBuffer frame : frames) {
                file.write(frame.rewind());
            }
        }
    }

    /** The first frames of a film that is in the repository. */
    static void make(Path path, int n, int side) throws IOException, InterruptedException {
        Bench.lastLine(List.of("build/ffmpeg/bin/ffmpeg", "-v", "error", "-nostdin", "-y", "-i", "tests/media/jeep.mp4", "-frames:v",
                Integer.toString(n), "-vf", "scale=" + side + ":" + side, "-f", "rawvideo", "-pix_fmt", "rgb24", path.toString()));
    }

    /** Decibels; at most 108, which two equal clips have. */
    static double psnr(byte[] a, byte[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            double difference = Byte.toUnsignedInt(a[i]) - Byte.toUnsignedInt(b[i]);
            sum += difference * difference;
        }
        return 10 * Math.log10(255 * 255 / Math.max(sum / a.length, 1e-6));
    }
}
