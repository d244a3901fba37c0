package org.fatezero.filter;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.fatezero.filter.Ffmpeg.STUB;
import static org.fatezero.filter.Ffmpeg.times;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * As many frames out as in, each the edit of its own source, at its own time. The stub's edit is the negative, which
 * FFmpeg's lutrgb computes as well: the two must agree to the byte.
 */
@Tag("filter")
class FramesTest {
    private static final String NEGATIVE = "lutrgb=r=negval:g=negval:b=negval";
    /** Every third and every seventh frame is missing: gaps of one, two and three. */
    private static final String VARIABLE = "select=mod(n\\,3)*mod(n\\,7),";

    @ParameterizedTest
    @CsvSource({"1", "7", "8", "9", "17", "100"})
    void everyLengthAtConstantRate(int frames) {
        String input = "-f lavfi -i testsrc=s=321x179:r=25,trim=end_frame=" + frames + " -vf";
        List<String> expected = STUB.frames(input, "format=rgb24," + NEGATIVE);
        assertEquals(frames, expected.size());
        assertEquals(expected, STUB.frames(input, "format=rgb24,fatezero=steps=2"));
    }

    @ParameterizedTest
    @CsvSource({"1", "7", "8", "9", "17", "100"})
    void everyLengthAtVariableRate(int frames) {
        String input = "-f lavfi -i testsrc2=s=64x48:r=25," + VARIABLE + "trim=end_frame=" + frames + " -vf";
        List<String> expected = STUB.frames(input, "format=rgb24," + NEGATIVE);
        assertEquals(frames, expected.size());
        assertEquals(expected, STUB.frames(input, "format=rgb24,fatezero=steps=2"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"yuv420p", "yuv420p10le", "rgb24", "rgb48be", "gbrp12le", "gray", "yuv444p16le", "bgra"})
    void everyFormatIsConverted(String format) {
        String input = "-f lavfi -i testsrc=s=321x179:r=25 -frames:v 9 -vf";
        assertEquals(times(STUB.frames(input, "format=" + format)),
                     times(STUB.frames(input, "format=" + format + ",fatezero=steps=2,format=" + format)));
    }

    /** Frames go out as they are wanted, not a window at once. */
    @Test
    void theShortestStreamEndsTheOthers(@TempDir Path folder) {
        String file = folder.resolve("out.mkv").toString();
        STUB.run("-i tests/media/jeep.mp4 -f lavfi -t 1.2 -i sine -map 0:v -map 1:a -shortest -vf", "scale=64:48,fatezero=steps=1",
            "-c:v", "rawvideo", "-c:a", "pcm_s16le", file).succeeded();
        int frames = STUB.frames("-i " + file + " -an").size();
        assertTrue(frames >= 8 && frames <= 13, frames + " frames of an eighth of a second beside 1.2 s of sound");
    }

    @Test
    void sixteenBitsStaySixteen() {
        String input = "-f lavfi -i testsrc=s=33x17:r=25 -frames:v 9 -vf";
        assertEquals(STUB.frames(input, "format=yuv444p10le,format=rgb48," + NEGATIVE),
                     STUB.frames(input, "format=yuv444p10le,format=rgb48,fatezero=steps=2"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"1x1", "2x3", "63x1", "1x63"})
    void tinyFrames(String size) {
        String input = "-f lavfi -i testsrc=s=" + size + ":r=25 -frames:v 9 -vf";
        assertEquals(STUB.frames(input, "format=rgb24," + NEGATIVE),
                     STUB.frames(input, "format=rgb24,fatezero=steps=2"));
    }

    /** Frames that others hold on to, and frames stored from the bottom up: vflip turns what another filter has allocated. */
    @ParameterizedTest
    @ValueSource(strings = {"perms=ro", "perms=random", "vflip", "vflip,perms=ro", "crop=60:40:3:5", "setpts=PTS,vflip"})
    void framesAsOtherFiltersLeaveThem(String before) {
        String input = "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 17 -vf";
        assertEquals(STUB.frames(input, "format=rgb24," + before + "," + NEGATIVE),
                     STUB.frames(input, "format=rgb24," + before + ",fatezero=steps=2"));
    }

    /** A filter that hands out its own memory, from the bottom up, for what it is going to be given. */
    @Test
    void framesForAFilterThatTurnsThemUpsideDown() {
        String input = "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 9 -vf";
        assertEquals(STUB.frames(input, "format=rgb24," + NEGATIVE + ",vflip"),
                     STUB.frames(input, "format=rgb24,fatezero=steps=2,vflip"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"between(n,5,9)", "not(mod(n,3))", "lt(n,10)", "gte(n,19)", "0", "1"})
    void framesWhileDisabledPassUntouched(String enable) {
        String input = "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 20 -vf";
        assertEquals(STUB.frames(input, "format=rgb24," + NEGATIVE + ":enable='" + enable + "'"),
                     STUB.frames(input, "format=rgb24,fatezero=steps=2:enable='" + enable + "'"));
    }

    @Test
    void audioIsCopiedBitByBit(@TempDir Path folder) {
        Path source = folder.resolve("in.mp4"), target = folder.resolve("out.mp4");
        STUB.run("-f lavfi -i testsrc2=s=64x48:r=25:d=2 -f lavfi -i sine=d=2 -c:v libx264 -c:a aac", source.toString())
            .succeeded();
        STUB.run("-i " + source + " -vf fatezero=steps=2 -c:v libx264 -pix_fmt yuv420p -c:a copy", target.toString()).succeeded();
        assertEquals(STUB.frames("-i " + source + " -map 0:a -c copy"), STUB.frames("-i " + target + " -map 0:a -c copy"));
        assertEquals(times(STUB.frames("-i " + source + " -map 0:v")), times(STUB.frames("-i " + target + " -map 0:v")));
    }

    @Test
    void propertiesAndMetadata() {
        List<String> lines = STUB.run("-f lavfi -i testsrc2=s=64x48:r=25:d=0.4 -vf",
            "setsar=4/3,setfield=tff,fatezero=steps=2:prompt='Grün 🎨 wie \"Gras\"',showinfo,metadata=print:file=-",
            "-f", "null", "-").succeeded().lines();
        assertEquals(List.of("1", "1", "1", "1", "1", "1", "1", "1", "2", "2"), values(lines, "window"));
        assertEquals(List.of("1", "2", "3", "4", "5", "6", "7", "8", "1", "2"), values(lines, "frame"));
        assertEquals("Grün 🎨 wie \"Gras\"", values(lines, "prompt").get(9));
    }

    private static List<String> values(List<String> lines, String key) {
        String prefix = "lavfi.fatezero." + key + "=";
        return lines.stream().filter(line -> line.startsWith(prefix)).map(line -> line.substring(prefix.length())).toList();
    }

    /** Java's own printing must not end up in a video that is written to standard output. */
    @Test
    void standardOutputHoldsTheVideoAlone() {
        byte[] out = STUB.run("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 9 -vf format=rgb24,fatezero=steps=2 -f rawvideo -")
            .succeeded().out();
        assertEquals(9 * 64 * 48 * 3, out.length);
    }

    @Test
    void sameBytesTwice() {
        String command = "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 17 -vf fatezero=steps=2 -c:v libx264 -bitexact -f matroska -";
        assertArrayEquals(STUB.run(command).succeeded().out(), STUB.run(command).succeeded().out());
    }

    @Test
    void twoInstancesAndTwoOutputsShareOneJvm(@TempDir Path folder) throws Exception {
        Path one = folder.resolve("one.txt"), two = folder.resolve("two.txt");
        STUB.run("-f lavfi -i testsrc2=s=64x48:r=25:d=2 -filter_complex",
            "split[a][b];[a]fatezero=steps=2:prompt=one,metadata=print:file=" + one + "[x];"
                + "[b]fatezero=steps=2:prompt=two:window=5,metadata=print:file=" + two + "[y]",
            "-map", "[x]", "-f", "null", "-", "-map", "[y]", "-f", "null", "-").succeeded();
        for (Path path : List.of(one, two)) {
            List<String> lines = Files.readAllLines(path, StandardCharsets.UTF_8);
            assertEquals(50, values(lines, "frame").size());
            // the stub counts the engines of its virtual machine
            assertEquals("2", values(lines, "opened").get(49));
        }
    }

    @Test
    void anOutputThatWantsFewerFrames() {
        String input = "-f lavfi -i testsrc2=s=64x48:r=25 -vf fatezero=steps=2 -frames:v 5";
        Ffmpeg.Result result = STUB.run(input + " -f framemd5 -").succeeded();
        assertEquals(5, result.lines().stream().filter(line -> !line.startsWith("#")).count());
    }

    /** Both sizes in one stream: 12 frames, then 9. */
    private static Path twoSizes(Path folder) throws Exception {
        List<byte[]> parts = new ArrayList<>();
        for (String source : List.of("testsrc2=s=64x48:r=25 -frames:v 12", "testsrc2=s=96x80:r=25 -frames:v 9"))
            parts.add(STUB.run("-f lavfi -i " + source + " -c:v libx264 -bf 0 -f h264 -").succeeded().out());
        Path path = folder.resolve("sizes.h264");
        Files.write(path, parts.get(0));
        Files.write(path, parts.get(1), StandardOpenOption.APPEND);
        return path;
    }

    @Test
    void aChangeOfSizeEndsTheWindow(@TempDir Path folder) throws Exception {
        List<String> frames = STUB.frames("-reinit_filter 0 -i " + twoSizes(folder) + " -vf fatezero=steps=2,scale=32:32");
        assertEquals(21, frames.size());
    }

    @Test
    void theNextWindowIsGatheredWhileOneIsEdited() {
        String log = STUB.run("-v verbose -f lavfi -i testsrc2=s=64x48:r=25 -frames:v 9 -vf",
            "showinfo,fatezero=steps=1:prompt='sleep 100'", "-f", "null", "-").succeeded().log();
        int last = log.indexOf(" n:   8 "), edited = log.indexOf("window 1: 8 frames in");
        assertTrue(0 < last && last < edited, log);
    }

    /** A camera's frames come slowly: a window is not kept until the next is full. */
    @Test
    void aWindowGoesOutOnceItIsEdited() {
        String log = STUB.run("-re -f lavfi -i testsrc2=s=64x48:r=5 -frames:v 8 -vf",
            "showinfo=checksum=0,fatezero=steps=1,showinfo=checksum=0", "-f", "null", "-").succeeded().log();
        List<String> shown = log.lines().filter(line -> line.contains(" n:  "))
            .map(line -> line.replaceAll(".*showinfo_(.).* n: +(\\d+) .*", "$1 $2")).toList();
        assertTrue(shown.contains("2 7") && !shown.subList(0, shown.indexOf("2 7")).contains("0 15"), shown::toString);
    }

    /** The window after the last that is wanted has begun by then. */
    @Test
    void aHostThatHasEnoughDoesNotWaitForMore() {
        String log = STUB.run("-v verbose -f lavfi -i testsrc2=s=64x48:r=25 -frames:v 8 -vf",
            "fatezero=steps=1:prompt='sleep 200'", "-f", "null", "-").succeeded().log();
        assertTrue(log.contains("window 1: 8 frames in") && !log.contains("window 2: 8 frames in"), log);
    }

    /** For hosts that pull a frame for each that they push. */
    @Test
    void aWindowOfOneIsDoneBeforeTheNextFrameIsTaken() {
        List<String> log = STUB.run("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 3 -vf",
            "showinfo=checksum=0,fatezero=steps=2:window=1,showinfo=checksum=0", "-f", "null", "-").succeeded().log().lines()
            .filter(line -> line.contains(" n:  ")).map(line -> line.replaceAll(".*showinfo_(.).* n: +(\\d+) .*", "$1 $2")).toList();
        assertEquals(List.of("0 0", "2 0", "0 1", "2 1", "0 2", "2 2"), log.stream().limit(6).toList());
    }

    @Test
    void aGraphFreedWhileAWindowIsEditedWaitsNoLongerThanAStep(@TempDir Path folder) throws Exception {
        // the window would last 48 s; frames of the second size pass
        Ffmpeg.Result result = STUB.run("-v verbose -i " + twoSizes(folder) + " -vf",
            "fatezero=steps=1:prompt='sleep 6000':enable='lt(t,0.47)',scale=32:32", "-f", "null", "-").succeeded();
        assertTrue(result.log().contains("12 frames lost"), result::tail);
        assertTrue(result.seconds() < 30, () -> result.seconds() + " s");
    }

    @Test
    void aGraphBuiltAnewTellsWhatItLost(@TempDir Path folder) throws Exception {
        Ffmpeg.Result result = STUB.run("-i " + twoSizes(folder) + " -vf fatezero=steps=2,scale=32:32 -f null -").succeeded();
        assertTrue(result.log().contains("frames lost") && result.log().contains("-reinit_filter 0"), result::tail);
    }

    @ParameterizedTest
    @ValueSource(strings = {"-frames:v 3", "-frames:v 11", "-t 0.2"})
    void whatTheHostDoesNotWantIsNotLost(String end) throws Exception {
        Ffmpeg.Result result = STUB.run("-f lavfi -i testsrc2=s=64x48:r=25 -vf fatezero=steps=2 " + end + " -f null -").succeeded();
        assertFalse(result.log().contains("lost"), result::tail);
    }
}
