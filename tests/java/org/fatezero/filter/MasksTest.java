package org.fatezero.filter;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.fatezero.filter.Ffmpeg.REAL;
import static org.fatezero.filter.Ffmpeg.STUB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** A second input of masks. The stub leaves a frame as it is where its mask is 0. */
@Tag("filter")
class MasksTest {
    private static final int FRAMES = 12;
    private static final String INPUT = "-f lavfi -i testsrc2=s=66x36:r=25:d=0.48 -f lavfi -i ";
    private static final String EDIT = "fatezero=steps=2:window=5:mask=1";

    /** The frames, edited within a mask that lavfi draws. */
    private static List<String> edited(String mask, String edit) {
        return STUB.frames(INPUT + mask + " -filter_complex", "[0]format=rgb24[v];[v][1]" + edit);
    }

    /** All frames, those that a mask has as negatives. */
    private static List<String> negatives(IntPredicate masked) {
        List<String> source = STUB.frames(INPUT + "color -map 0 -vf", "format=rgb24");
        List<String> negative = STUB.frames(INPUT + "color -map 0 -vf", "format=rgb24,lutrgb=r=negval:g=negval:b=negval");
        List<String> frames = new ArrayList<>();
        for (int i = 0; i < FRAMES; i++)
            frames.add((masked.test(i) ? negative : source).get(i));
        return frames;
    }

    /** A mask, of all of the picture or none, of so many frames a second, that changes with each. */
    private static String blinking(String rate) {
        return "color=black:s=16x16:r=" + rate + ",format=gray,geq=lum='255*mod(N\\,2)'";
    }

    @Test
    void theLastMaskThatIsNotLaterCounts() {
        assertEquals(negatives(i -> i / 5 % 2 == 1), edited(blinking("5"), EDIT));
        assertEquals(negatives(i -> i % 2 == 1), edited(blinking("25"), EDIT));
        assertEquals(negatives(i -> 3 * i % 2 == 1), edited(blinking("75"), EDIT));
    }

    @Test
    void thePictureBeginsWithTheFirstMaskAndEndsWithTheLast() {
        assertEquals(negatives(i -> true), edited("color=white:s=16x16:r=25:d=0.12,setpts=PTS+0.2/TB", EDIT));
        assertEquals(negatives(i -> i % 2 == 1 || i >= 3), edited(blinking("25") + ",trim=end_frame=4", EDIT));
    }

    @Test
    void aMaskWithoutFramesIsAnError() {
        Ffmpeg.Result result = STUB.run(INPUT + "color=d=0.1,trim=end_frame=0 -filter_complex", "[0][1]" + EDIT, "-f", "null", "-");
        assertNotEquals(0, result.status());
        assertTrue(result.log().contains("mask=1: the second input ended without a frame"), result::tail);
    }

    @Test
    void framesThatAreNotEditedHaveTheirMasksToo() {
        assertEquals(negatives(i -> i >= 6 && i % 2 == 1), edited(blinking("25"), EDIT + ":enable='gte(n\\,6)'"));
    }

    /** Black is 16 there, and is nowhere for all that. The source paints in whatever format the filter takes. */
    @ParameterizedTest
    @ValueSource(strings = {"", ",format=yuv420p", ",format=rgb24"})
    void blackIsNowhereAndWhiteIsEverywhere(String format) {
        assertEquals(negatives(i -> false), edited("color=black:s=66x36" + format, EDIT));
        assertEquals(negatives(i -> true), edited("color=white:s=66x36" + format, EDIT));
    }

    /** Nor does a mask's matrix or range have to be the video's: each would be converted to the other's. */
    @Test
    void theVideoKeepsItsColours() {
        String alone = "[0]format=rgb24,scale,format=yuv420p[v];[v][1]" + EDIT;
        List<String> expected = STUB.frames(INPUT + "color=white:s=66x36 -filter_complex", alone);
        String tagged = "color=white:s=66x36,format=yuva420p,setparams=colorspace=smpte240m:range=pc,alphaextract";
        assertEquals(expected, STUB.frames(INPUT + tagged + " -filter_complex", alone));
        Ffmpeg.Result unknown = STUB.run(INPUT + "color=white:s=66x36,format=yuv420p -filter_complex",
            "[0]format=yuv444p,setparams=colorspace=ictcp[v];[v][1]" + EDIT, "-f", "null", "-");
        assertEquals(0, unknown.status(), unknown.tail());
    }

    @Test
    void aMaskOfAnySizeIsStretched() {
        String half = "color=black:s=%s,format=gray,geq=lum='255*gte(X\\,W/2)'";
        List<String> expected = STUB.frames(INPUT + "color -filter_complex",
            "[0]format=rgb24,split[a][b];[a]crop=33:36:0:0[l];[b]crop=33:36:33:0,lutrgb=r=negval:g=negval:b=negval[r];[l][r]hstack");
        assertEquals(expected, edited(half.formatted("66x36"), EDIT));
        assertEquals(expected, edited(half.formatted("2x1"), EDIT));
        assertEquals(expected, edited(half.formatted("132x7"), EDIT));
    }

    @Test
    void aMaskMayBeUpsideDown() {
        String top = "color=black:s=16x36,format=gray,geq=lum='255*lt(Y\\,9)'";
        String bottom = "color=black:s=16x36,format=gray,geq=lum='255*gte(Y\\,27)'";
        assertEquals(edited(bottom, EDIT), edited(top + ",vflip", EDIT));
        assertNotEquals(edited(bottom, EDIT), edited(top, EDIT));
    }

    @Test
    void severalEditsShareTheMask() {
        List<String> frames = STUB.frames(INPUT + blinking("25") + " -filter_complex",
            "[0]format=rgb24[v];[v][1]fatezero=steps=2:presets=a|b:mask=1[x][y];[y]nullsink", "-map", "[x]");
        assertEquals(negatives(i -> i % 2 == 1), frames);
    }

    /** Samples do not lose by the way to RGB and back where no pixel that they stand for has changed. */
    @ParameterizedTest
    @ValueSource(strings = {"yuv420p", "yuvj422p", "yuv411p", "yuv410p", "yuv440p12", "yuv444p10", "yuva420p10", "nv12", "p010", "gbrp10"})
    void whatTheMaskLeavesOutKeepsItsSamples(String format) {
        String source = "[0]scale=64:32,format=" + format, mask = "color=black:s=64x32,format=gray,geq=lum=";
        for (String fields : List.of("prog", "tff")) {
            String video = source + ",setfield=" + fields;
            for (String half : List.of("X/W crop=32:32:32:0", "Y/H crop=64:16:0:16")) {
                String crop = half.substring(4), within = half.substring(0, 3) + "\\,0.5)'";
                String edit = video + "[v];[v][1]" + EDIT + "," + crop;
                List<String> expected = STUB.frames(INPUT + mask + "0 -filter_complex", video + "," + crop);
                assertEquals(expected, STUB.frames(INPUT + mask + "'255*lt(" + within + " -filter_complex", edit), fields + crop);
                assertNotEquals(expected, STUB.frames(INPUT + mask + "'255*gte(" + within + " -filter_complex", edit), fields + crop);
            }
        }
        String odd = "[0]scale=33:17,format=" + format;
        assertEquals(STUB.frames(INPUT + mask + "0 -filter_complex", odd),
            STUB.frames(INPUT + mask + "0 -filter_complex", odd + "[v];[v][1]" + EDIT));
    }

    private static double psnr(String log, String label) {
        Matcher matcher = Pattern.compile("psnr@" + label + " .* average:(\\S+)").matcher(log);
        assertTrue(matcher.find(), log);
        return matcher.group(1).equals("inf") ? 99 : Double.parseDouble(matcher.group(1));
    }

    /**
     * The engine itself, with the model that is built in: the jeep's left half is edited, and the right one reconstructed. The edit of
     * the half is not quite that of the whole, since attention and norms see the other half; but it is far nearer to it than the source.
     */
    @ParameterizedTest
    @ValueSource(strings = {"preset=watercolor", "preset=swap-object:from=jeep:to=porsche car"})
    void outsideOfTheMaskThePictureIsKept(String edit) {
        String all = "fatezero=" + edit + ":steps=8:window=2:precision=fp32";
        String log = REAL.run(
            "-i tests/media/jeep.mp4 -f lavfi -i color=black:s=128x128,format=gray,geq=lum='255*lt(X\\,W/2)' -filter_complex",
            "[0]trim=end_frame=2,scale=128:128:flags=area,format=rgb24,split=4[v][w][x][s];"
            + "[v][1]" + all + ":mask=1,format=gbrp,split[m][n];"
            + "[w]" + all + ",format=gbrp,crop=48:128:0:0,split[e][f];[s]format=gbrp,crop=48:128:0:0[g];[g][f]psnr@apart[o];"
            + "[x]fatezero=preset=watercolor:start=0:window=2,format=gbrp,crop=48:128:80:0[r];"
            + "[m]crop=48:128:0:0[left];[n]crop=48:128:80:0[right];[left][e]psnr@inside[p];[right][r]psnr@outside[q];[o][p][q]hstack=3",
            "-f", "null", "-").succeeded().log();
        assertTrue(psnr(log, "outside") > 40, log);
        assertTrue(psnr(log, "inside") > psnr(log, "apart") + 8, log);
    }
}
