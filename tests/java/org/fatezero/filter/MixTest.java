package org.fatezero.filter;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

import static org.fatezero.filter.Ffmpeg.REAL;
import static org.fatezero.filter.Ffmpeg.STUB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Frames that move from one prompt to another, by an expression. */
@Tag("filter")
class MixTest {
    private static final String FILM = "-f lavfi -i testsrc2=s=64x48:r=25,trim=end_frame=12 -vf";
    private static final String EDIT =
        "format=rgb24,fatezero=precision=fp32:size=32:steps=2:window=4:model=tests/golden/tiny:source=a silver jeep:prompt=a boat";

    private static Ffmpeg.Result stub(String before, String options) {
        return STUB.run("-v verbose " + FILM, before + "fatezero=steps=1:window=4:prompt2=b" + options + ",metadata=print",
            "-f", "null", "-");
    }

    private static List<String> found(String pattern, Ffmpeg.Result result) {
        List<String> found = new ArrayList<>();
        for (Matcher matcher = Pattern.compile(pattern).matcher(result.succeeded().log()); matcher.find();)
            found.add(matcher.group(1));
        return found;
    }

    private static List<String> shares(Ffmpeg.Result result) {
        return found("lavfi\\.fatezero\\.mix=(.*)", result);
    }

    @Test
    void eachFrameHasItsShare() {
        Ffmpeg.Result result = stub("", ":mix=(n-2)/5");
        assertEquals(List.of("0", "0", "0", "0.2", "0.4", "0.6", "0.8", "1", "1", "1", "1", "1"), shares(result));
        assertEquals(List.of("[0.0, 0.0, 0.0, 0.2]", "[0.4, 0.6, 0.8, 1.0]", "[1.0, 1.0, 1.0, 1.0]"),
            found("lavfi\\.fatezero\\.mixed=(.*)", result).stream().distinct().toList());
        assertEquals(IntStream.range(0, 12).mapToObj(i -> i == 0 ? "0" : i >= 10 ? "1" : "0." + i).toList(),
            shares(stub("", ":mix=t*2.5")));
        assertEquals(List.of(), shares(stub("", "")), "without a mix nothing is said of it");
    }

    @Test
    void aCommandChangesItAndEndsNoWindow() {
        Ffmpeg.Result result = stub("sendcmd=c='0.08 fatezero mix 0.5; 0.2 fatezero mix 1+; 0.28-0.4 [expr] fatezero mix TI',", "");
        assertEquals(List.of("0.5", "0.5", "0.5", "0.5", "0.5"), shares(result).subList(0, 5), "from frame 2 on");
        assertEquals(List.of("0", "0.333333", "0.666667"), shares(result).subList(5, 8), "a ramp of sendcmd's own");
        assertTrue(result.log().contains("lavfi.fatezero.window=3") && !result.log().contains("lavfi.fatezero.window=4"),
            "12 frames in windows of 4");
    }

    @Test
    void whatCannotBeIsRefused() {
        for (String[] wrong : new String[][] {{"mix=0.5", "no prompt2"}, {"prompt2=b:mix=t+", "mix=t+: expected"}}) {
            Ffmpeg.Result result = STUB.run("-v error " + FILM, "fatezero=steps=1:" + wrong[0], "-f", "null", "-");
            assertTrue(result.status() != 0 && result.log().contains(wrong[1]), result.tail());
        }
        Ffmpeg.Result result = STUB.run("-v verbose " + FILM,
            "sendcmd=c='0.2 fatezero mix 0.5',fatezero=steps=1,metadata=print", "-f", "null", "-");
        assertEquals(List.of(), shares(result));
        assertTrue(result.log().contains("mix needs prompt2="), result.tail());
    }

    private static List<String> hashes(String filters) {
        return REAL.frames(FILM, filters).stream().map(line -> line.substring(line.lastIndexOf(',') + 1)).toList();
    }

    @Test
    void atEitherEndAreTheFramesOfThatPrompt() {
        assertEquals(hashes(EDIT), hashes(EDIT + ":prompt2=a jeep of gold:mix=0*t"));
        assertEquals(hashes(EDIT.replace("a boat", "a jeep of gold")), hashes(EDIT + ":prompt2=a jeep of gold:mix=1"));
        assertEquals(hashes(EDIT).subList(0, 4), hashes(EDIT + ":prompt2=a jeep of gold:mix=gt(n\\,4)").subList(0, 4));
    }
}
