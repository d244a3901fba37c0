package org.fatezero.filter;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.fatezero.filter.Ffmpeg.REAL;
import static org.fatezero.filter.Ffmpeg.STUB;
import static org.fatezero.filter.Ffmpeg.times;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Frames wider than what came in. The stub shows the frame and, beside it, its negative. */
@Tag("filter")
class ShowTest {
    private static final String COMPARE = "fatezero=steps=2:show=compare";
    private static final Path MODEL = Path.of("tests/golden/tiny").toAbsolutePath();

    /** What the stub makes of the frames, as FFmpeg computes it. */
    private static List<String> expected(String input, String before, String enable) {
        return STUB.frames(input + " -filter_complex", before + ",split[a][b];[b]lutrgb=r=negval:g=negval:b=negval:enable='"
            + enable + "'[c];[a][c]hstack");
    }

    @ParameterizedTest
    @CsvSource({"321x179, 9, rgb24", "33x17, 9, rgb48", "1x1, 8, rgb24", "64x48, 17, rgb24"})
    void framesLieBesideTheirEdits(String size, int frames, String format) {
        String input = "-f lavfi -i testsrc=s=" + size + ":r=25 -frames:v " + frames;
        List<String> expected = expected(input, "format=" + format, "1");
        assertEquals(frames, expected.size());
        assertEquals(expected, STUB.frames(input + " -vf", "format=" + format + "," + COMPARE));
    }

    @ParameterizedTest
    @ValueSource(strings = {"perms=ro", "vflip", "crop=60:40:3:5"})
    void framesAsOtherFiltersLeaveThem(String before) {
        String input = "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 9";
        assertEquals(expected(input, "format=rgb24," + before, "1"), STUB.frames(input + " -vf", "format=rgb24," + before + "," + COMPARE));
    }

    /** Unedited frames stand in all places, so that every frame has the output's size. */
    @ParameterizedTest
    @ValueSource(strings = {"between(n,5,9)", "not(mod(n,3))", "0"})
    void framesWhileDisabledAreRepeated(String enable) {
        String input = "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 20";
        assertEquals(expected(input, "format=rgb24,vflip", enable),
                     STUB.frames(input + " -vf", "format=rgb24,vflip," + COMPARE + ":enable='" + enable + "'"));
    }

    @Test
    void framesWhoseEditFailsAreRepeated() {
        String input = "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 9";
        assertEquals(expected(input, "format=rgb24", "0"),
                     STUB.frames(input + " -vf", "format=rgb24," + COMPARE + ":on_error=pass:prompt='throw IOException oops'"));
    }

    @Test
    void everyOutputHasTheWidthAndPixelsKeepTheirShape() {
        Ffmpeg.Result result = STUB.run("-f lavfi -i testsrc2=s=64x48:r=25:d=0.36 -filter_complex",
            "setsar=4/3," + COMPARE + ":presets=a|b[a][b];[a]showinfo[c];[b]showinfo[d]",
            "-map", "[c]", "-f", "framemd5", "-", "-map", "[d]", "-f", "framemd5", "-").succeeded();
        assertEquals(2, result.lines().stream().filter("#sar 0: 4/3"::equals).count(), "both links");
        assertEquals(18, result.log().lines().filter(line -> line.contains("sar:4/3 s:128x48")).count(), result::tail);
    }

    @Test
    void theSizeMayChangeMidway() {
        Ffmpeg.Result result = STUB.run("-f lavfi -i", "testsrc=s=64x48:r=25:d=0.48[a];testsrc=s=96x80:r=25:d=0.36[b];"
            + "[a][b]concat=unsafe=1," + COMPARE + ",showinfo", "-f", "null", "-").succeeded();
        assertEquals(12, result.log().lines().filter(line -> line.contains("s:128x48 ")).count(), result::tail);
        assertEquals(9, result.log().lines().filter(line -> line.contains("s:192x80 ")).count(), result::tail);
    }

    @ParameterizedTest
    @CsvSource({"compare, 201", "mask, 67", "attention=jeep, 67", "attention\\:sofa, 67"})
    void theEngineItself(String show, int width) {
        String input = "-f lavfi -i testsrc=s=67x35:r=25:d=0.2 -vf";
        Ffmpeg.Result result = REAL.run(input, "fatezero=size=32:steps=2:window=3:model=" + MODEL
            + ":source=a jeep:prompt=a sofa:blend=jeep/sofa:show='" + show + "',showinfo", "-f", "null", "-").succeeded();
        assertEquals(5, result.log().lines().filter(line -> line.contains("s:" + width + "x35 ")).count(), result::tail);
    }

    @Test
    void timesAreTheSources() {
        String input = "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 9 -vf select=mod(n\\,3)";
        assertEquals(times(expected("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 9", "select=mod(n\\,3),format=rgb24", "1")),
                     times(STUB.frames(input + ",format=rgb24," + COMPARE)));
    }

    @Test
    void whatCannotBeShown() {
        Ffmpeg.Result result = REAL.run("-f lavfi -i testsrc2=s=64x48 -frames:v 1 -vf", "fatezero=source=a jeep:show=attention=cat:model="
            + MODEL, "-f", "null", "-");
        assertTrue(result.status() != 0 && result.log().contains("'cat' is neither in the source 'a jeep' nor in the prompt"),
            result::tail);
    }
}
