package org.fatezero.filter;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import static org.fatezero.filter.Ffmpeg.REAL;
import static org.fatezero.filter.Ffmpeg.STUB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Where the filter finds that a shot begins, and what that means to windows. */
@Tag("filter")
class ShotsTest {
    private static final Pattern SHOT = Pattern.compile("lavfi\\.fatezero\\.shot=(\\d+)");
    private static final Pattern WINDOW = Pattern.compile("lavfi\\.fatezero\\.window=(\\d+)");
    private static final Pattern BEGUN = Pattern.compile("lavfi\\.fatezero\\.shots=(\\d+)");

    /** Noise of colours that have little in common, each for some frames. */
    private static String film(int... lengths) {
        String[] colours = {"0x202020", "0xd0d0b0", "0x607060", "0xf8f0ff", "0x404060", "0xa0a0a0"};
        String shots = IntStream.range(0, lengths.length)
            .mapToObj(i -> "color=" + colours[i % colours.length] + ":s=96x64:r=25,trim=end_frame=" + lengths[i]
                + ",noise=alls=20:allf=t:all_seed=" + i + "[s" + i + "];").collect(Collectors.joining());
        String names = IntStream.range(0, lengths.length).mapToObj(i -> "[s" + i + "]").collect(Collectors.joining());
        return "-f lavfi -i " + shots + names + "concat=n=" + lengths.length;
    }

    private static List<Integer> numbers(Pattern pattern, Ffmpeg.Result result) {
        List<Integer> found = new ArrayList<>();
        for (Matcher matcher = pattern.matcher(result.log()); matcher.find();)
            found.add(Integer.parseInt(matcher.group(1)));
        return found;
    }

    private static Ffmpeg.Result edit(String input, String options) {
        return STUB.run(input + " -vf", "fatezero=steps=1" + options + ",metadata=print", "-f", "null", "-").succeeded();
    }

    /** The number of each frame's shot. */
    private static List<Integer> shots(int... lengths) {
        List<Integer> shots = new ArrayList<>();
        for (int i = 0; i < lengths.length; i++)
            for (int j = 0; j < lengths[i]; j++)
                shots.add(i + 1);
        return shots;
    }

    @ParameterizedTest
    @ValueSource(strings = {"yuv420p", "rgb24", "gbrp", "yuv444p10le", "rgb48", "rgba", "nv12", "p010le"})
    void aCutBeginsAShot(String format) {
        int[] lengths = {9, 20, 4, 12};
        Ffmpeg.Result result = edit(film(lengths), ":window=8,format=" + format);
        assertEquals(shots(lengths), numbers(SHOT, STUB.run(film(lengths) + " -vf",
            "format=" + format + ",fatezero=steps=1,metadata=print", "-f", "null", "-").succeeded()));
        assertEquals(shots(lengths), numbers(SHOT, result));
        assertEquals(List.of(1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6,
            7, 7, 7, 7, 7, 7, 7, 7, 8, 8, 8, 8), numbers(WINDOW, result), "a window ends with its shot");
        assertEquals(3, numbers(BEGUN, result).get(44), "the engine is told of each but the first");
    }

    /** Narrower than a register, or with rows that begin anywhere, as cropping leaves them and pipes bring them. */
    @ParameterizedTest
    @ValueSource(strings = {"yuv420p,crop=20:64:2:0", "gbrp,crop=20:64:3:0", "yuv420p,crop=90:64:2:0", "gray,crop=70:64:1:0"})
    void rowsMayLieAnywhere(String crop) {
        int[] lengths = {9, 20};
        for (String processor : List.of("", "-cpuflags sse2 "))
            assertEquals(shots(lengths), numbers(SHOT, STUB.run(processor + film(lengths) + " -vf",
                "format=" + crop + ",fatezero=steps=1,metadata=print", "-f", "null", "-").succeeded()));
    }

    @Test
    void twentyCutsAreFoundAndNoneInvented() {
        int[] lengths = IntStream.range(0, 21).map(i -> 5 + 7 * i % 23).toArray();
        assertEquals(shots(lengths), numbers(SHOT, edit(film(lengths), "")));
        List<Integer> one = numbers(SHOT, edit("-f lavfi -i testsrc2=s=96x64:r=25:d=10", ""));
        one.addAll(numbers(SHOT, edit("-f lavfi -i mandelbrot=s=96x64:r=25,trim=end_frame=250", "")));
        assertEquals(500, one.size());
        assertEquals(List.of(1), one.stream().distinct().toList());
    }

    @ParameterizedTest
    @ValueSource(strings = {"yuv420p", "p010le", "yuv444p12le", "gbrp10le"})
    void noiseIsNoCutInAnyFormat(String format) {
        String noise = "-f lavfi -i color=gray:s=96x64:r=25,trim=end_frame=40,noise=alls=30:allf=t,format=" + format;
        assertEquals(List.of(1), numbers(SHOT, edit(noise, "")).stream().distinct().toList());
    }

    @Test
    void aFlashIsNoShot() {
        assertEquals(2, numbers(SHOT, edit(film(12, 1, 12), "")).stream().distinct().count(),
            "the way back from a flash comes too soon for a cut");
    }

    @Test
    void cutZeroFindsNone() {
        assertEquals(List.of(1), numbers(SHOT, edit(film(9, 9), ":cut=0")).stream().distinct().toList());
        Ffmpeg.Result wrong = STUB.run(film(9), "fatezero=cut=101", "-f", "null", "-");
        assertTrue(wrong.status() != 0, wrong.log());
    }

    @Test
    void scdetBeforeTheFilterIsHeeded() {
        Ffmpeg.Result result = STUB.run(film(9, 9) + " -vf", "scdet,fatezero=steps=1:cut=0,metadata=print", "-f", "null", "-").succeeded();
        assertEquals(shots(9, 9), numbers(SHOT, result));
    }

    /** As a filter does in between that repeats frames, and with them what scdet has said of them. */
    @Test
    void aCutThatIsRepeatedIsOne() {
        Ffmpeg.Result result = STUB.run(film(9, 9) + " -vf", "scdet,fps=250,fatezero=steps=1:cut=0,metadata=print",
            "-f", "null", "-").succeeded();
        List<Integer> shots = numbers(SHOT, result);
        assertEquals(List.of(1, 2), shots.stream().distinct().toList());
        assertEquals(90, shots.indexOf(2), 10);
    }

    @Test
    void aStretchThatIsDisabledEndsNoShot() {
        Ffmpeg.Result result = edit("-f lavfi -i testsrc2=s=96x64:r=25:d=1", ":enable='lt(n,8)+gt(n,15)'");
        assertEquals(List.of(1), numbers(SHOT, result).stream().distinct().toList());
        result = edit(film(12, 13), ":enable='lt(n,8)+gt(n,15)'");
        assertEquals(List.of(1, 2), numbers(SHOT, result).stream().distinct().toList(), "but a cut within it does");
    }

    /** The first frame after a cut is what it is in a film that begins with it. */
    @Test
    void afterACutNothingIsLeftOfWhatWasBefore() {
        String edit = "format=rgb24,fatezero=precision=fp32:size=32:steps=2:window=4:model=tests/golden/tiny";
        List<String> both = hashes(REAL.frames(film(6, 6) + " -vf", edit));
        List<String> whole = hashes(REAL.frames(film(6, 6) + " -vf", "trim=start_frame=6," + edit));
        assertEquals(whole, both.subList(6, 12));
    }

    private static List<String> hashes(List<String> frames) {
        return frames.stream().map(line -> line.substring(line.lastIndexOf(',') + 1)).toList();
    }
}
