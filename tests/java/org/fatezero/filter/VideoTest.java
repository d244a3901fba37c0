package org.fatezero.filter;

import org.fatezero.Photograph;
import org.fatezero.video.Frame;
import org.fatezero.video.Video;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.fatezero.filter.Ffmpeg.REAL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The program's own reading of videos gives what ffmpeg gives. */
@Tag("filter")
class VideoTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {
        "-i tests/media/jeep.mp4 -c copy",
        "-f lavfi -i testsrc2=s=161x90:d=1 -c:v libx264 -bf 3 -pix_fmt yuv444p",
        "-f lavfi -i testsrc2=s=160x90:d=1,scale=out_color_matrix=bt709:out_range=pc,format=yuv420p -c:v libx264 "
            + "-colorspace bt709 -color_range pc",
        "-f lavfi -i testsrc2=s=160x90:d=1 -c:v ffv1 -pix_fmt yuv422p10",
        "-f lavfi -i testsrc2=s=160x90:d=1 -c:v png",
    })
    void readsWhatFfmpegReads(String command) throws Exception {
        Path file = folder.resolve("clip.mkv");
        REAL.run(command, file.toString()).succeeded();
        assertReadAsByFfmpeg(file);
    }

    /** All that Exif knows, mirrored ones as well. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
    void turnsPhotographsAsFfmpegDoes(int orientation) throws Exception {
        assertReadAsByFfmpeg(Files.write(folder.resolve("photograph.jpg"), Photograph.jpeg(orientation)));
    }

    private static void assertReadAsByFfmpeg(Path file) throws Exception {
        byte[] expected = REAL.run("-i", file.toString(), "-sws_flags", "bicubic+accurate_rnd+full_chroma_int", "-fps_mode", "passthrough",
            "-f", "rawvideo", "-pix_fmt", "rgb24", "-").succeeded().out();
        List<Frame> frames = Video.read(file, Integer.MAX_VALUE);
        int size = frames.get(0).rgb().length;
        assertEquals(expected.length, frames.size() * size);
        for (int i = 0; i < expected.length; i++) {
            int difference = Byte.toUnsignedInt(expected[i]) - Byte.toUnsignedInt(frames.get(i / size).rgb()[i % size]);
            assertTrue(Math.abs(difference) <= 1, "frame " + i / size + ", byte " + i % size + ": " + difference);
        }
    }
}
