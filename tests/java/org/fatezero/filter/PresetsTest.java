package org.fatezero.filter;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.fatezero.filter.Ffmpeg.STUB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Several presets: every output gets all frames, each at its time. The stub's edits are the negative, plus 0, 1, 2. */
@Tag("filter")
class PresetsTest {
    private static final String THREE = "fatezero=steps=2:presets=a|b|c";

    @TempDir
    private Path folder;

    /** What the stub's edit of that number makes of the frames, as FFmpeg computes it. */
    private static List<String> expected(String input, int edit, String enable) {
        String negative = edit == 0 ? "negval" : "'mod(negval+" + edit + ",256)'";
        return STUB.frames(input + " -vf", "format=rgb24,lutrgb=r=" + negative + ":g=" + negative + ":b=" + negative
            + ":enable='" + enable + "'");
    }

    /** @param limits options of each output's encoder, such as a number of frames */
    private Ffmpeg.Result edit(String input, String filter, String... limits) {
        List<String> arguments = new ArrayList<>(List.of("-filter_complex", "[0:v]format=rgb24," + filter + "[a][b][c]"));
        for (int i = 0; i < 3; i++) {
            arguments.addAll(List.of("-map", "[" + "abc".charAt(i) + "]", "-fps_mode", "passthrough"));
            if (i < limits.length && !limits[i].isEmpty())
                arguments.addAll(List.of("-frames:v", limits[i]));
            arguments.addAll(List.of("-f", "framemd5", output(i).toString()));
        }
        return STUB.run("-v verbose " + input, arguments.toArray(String[]::new));
    }

    private Path output(int i) {
        return folder.resolve(i + ".txt");
    }

    private List<String> frames(int i) throws Exception {
        return Files.readAllLines(output(i)).stream().filter(line -> !line.startsWith("#")).toList();
    }

    private static String input(int frames) {
        return "-f lavfi -i testsrc2=s=64x48:r=25,select=mod(n\\,3),trim=end_frame=" + frames;
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "7, 1", "8, 1", "17, 1", "17, 'between(n,5,9)'", "20, 'not(mod(n,3))'", "9, 0"})
    void everyOutputGetsEveryFrame(int frames, String enable) throws Exception {
        edit(input(frames), THREE + ":enable='" + enable + "'").succeeded();
        for (int i = 0; i < 3; i++) {
            assertEquals(frames, frames(i).size());
            assertEquals(expected(input(frames), i, enable), frames(i), "output " + i);
        }
    }

    @ParameterizedTest
    @CsvSource({"'', 5, ''", "1, '', 30", "12, 8, 3", "30, 40, ''"})
    void anOutputThatEndsEarlyStallsNoOther(String first, String second, String third) throws Exception {
        edit(input(40), THREE, first, second, third).succeeded();
        for (int i = 0; i < 3; i++) {
            String limit = List.of(first, second, third).get(i);
            List<String> all = expected(input(40), i, "1");
            assertEquals(limit.isEmpty() ? all : all.subList(0, Integer.parseInt(limit)), frames(i), "output " + i);
        }
    }

    /** Once nobody takes frames, no more windows are edited. */
    @Test
    void theFilterEndsWithItsLastOutput() {
        Ffmpeg.Result result = edit(input(400), THREE, "3", "9", "5").succeeded();
        assertTrue(result.log().contains("window 2: 8 frames in"), result::tail);
        assertTrue(!result.log().contains("window 10: 8 frames in"), result::tail);
    }

    @Test
    void outputsMayMeetAgain() {
        List<String> stacked = STUB.frames(input(17) + " -filter_complex", "format=rgb24,fatezero=steps=2:presets=a|b,hstack");
        assertEquals(STUB.frames(input(17) + " -filter_complex", "format=rgb24,split[a][b];[a]lutrgb=r=negval:g=negval:b=negval[c];"
            + "[b]lutrgb=r='mod(negval+1,256)':g='mod(negval+1,256)':b='mod(negval+1,256)'[d];[c][d]hstack"), stacked);
    }

    @Test
    void framesTellTheirPreset() {
        List<String> lines = STUB.run(input(9) + " -filter_complex",
            "fatezero=steps=2:presets=a|b[a][b];[b]metadata=print:file=-[c]", "-map", "[a]", "-f", "null", "-", "-map", "[c]", "-f",
            "null", "-").succeeded().lines();
        assertEquals(9, lines.stream().filter("lavfi.fatezero.preset=b"::equals).count());
        assertEquals(List.of("1", "2", "3", "4", "5", "6", "7", "8", "1"), lines.stream()
            .filter(line -> line.startsWith("lavfi.fatezero.frame=")).map(line -> line.substring(line.indexOf('=') + 1)).toList());
    }

    @Test
    void aFailingWindowPassesOnEveryOutput() throws Exception {
        edit(input(9), THREE + ":on_error=pass:prompt='throw IOException oops'").succeeded();
        List<String> source = STUB.frames(input(9) + " -vf", "format=rgb24");
        for (int i = 0; i < 3; i++)
            assertEquals(source, frames(i), "output " + i);
        assertNotEquals(0, edit(input(9), THREE + ":prompt='throw IOException oops'").status());
    }

    @Test
    void anInterruptedWindowPassesOnEveryOutput() throws Exception {
        Ffmpeg.Running running = STUB.start("-v verbose -f lavfi -i testsrc2=s=64x48:r=25:d=9 -filter_complex",
            "fatezero=steps=10:prompt='sleep 150':presets=a|b[a][b]", "-map", "[a]", "-c:v", "libx264", folder + "/a.mp4",
            "-map", "[b]", "-c:v", "libx264", folder + "/b.mp4");
        running.await("window 1: inverting");
        running.signal("INT");
        assertTrue(running.finish().log().contains("interrupted: 16 frames pass unedited"));
        assertEquals(16, STUB.frames("-i " + folder + "/a.mp4").size());
        assertEquals(16, STUB.frames("-i " + folder + "/b.mp4").size());
    }
}
