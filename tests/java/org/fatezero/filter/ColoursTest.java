package org.fatezero.filter;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import static org.fatezero.filter.Ffmpeg.STUB;
import static org.fatezero.filter.Ffmpeg.times;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Frames come out in the format and with the tags that they came with, whatever the engine is given of them. */
@Tag("filter")
class ColoursTest {
    private static final String JEEP = "-i tests/media/jeep.mp4 -vf";
    private static final String MOVING = "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 9 -vf";
    /** An edit that changes nothing: the stub shows the frame as the engine is given it beside the edit. */
    private static final String IDENTITY = "fatezero=steps=1:show=compare,crop=iw/2:ih:0:0";
    private static final String BT709 = "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709";
    private static final String PQ =
        "format=yuv420p10,setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084";
    private static final String HLG =
        "format=yuv420p10,setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc=arib-std-b67";

    /** What showinfo tells of a frame's format and colours, of the frames that each of the graph's showinfo sees. */
    private static List<String> formats(Ffmpeg.Result result) {
        Pattern format = Pattern.compile("n: +\\d+ .* fmt:(\\S+) "), tags = Pattern.compile("color_range:.*");
        String seen = "";
        List<String> formats = new ArrayList<>();
        for (String line : result.log().lines().toList()) {
            Matcher matcher = format.matcher(line);
            if (matcher.find())
                seen = matcher.group(1);
            matcher = tags.matcher(line);
            if (matcher.find() && line.contains("Parsed_showinfo"))
                formats.add(seen + " " + matcher.group());
        }
        return formats;
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "format=yuv420p," + BT709 + " | yuv420p",
        "format=nv12," + BT709 + " | nv12",
        "format=yuv422p10," + BT709 + " | yuv422p10le",
        "format=yuv420p,setparams=range=tv:colorspace=smpte170m:color_primaries=smpte170m:color_trc=smpte170m | yuv420p",
        "format=yuv420p | yuv420p",
        "scale=out_range=pc,format=yuv420p,setparams=range=pc:colorspace=bt709 | yuv420p",
        "format=yuv410p," + BT709 + " | yuv410p",
        PQ + " | yuv420p10le",
        HLG + " | yuv420p10le",
    })
    void anIdentityKeepsLumaAndTags(String before, String format) {
        Ffmpeg.Result result = STUB.run("-i tests/media/jeep.mp4 -filter_complex",
            before + ",showinfo=checksum=0,split[a][b];[b]" + IDENTITY + ",showinfo=checksum=0[c];[a][c]psnr",
            "-f", "null", "-").succeeded();
        List<String> formats = formats(result);
        assertTrue(formats.size() > 8, result.log());
        assertEquals(List.of(formats.get(0)), formats.stream().distinct().toList());
        assertTrue(formats.get(0).startsWith(format + " "), formats.get(0));
        Matcher psnr = Pattern.compile("PSNR y:([0-9.]+|inf)").matcher(result.log());
        assertTrue(psnr.find(), result.log());
        assertTrue(psnr.group(1).equals("inf") || Double.parseDouble(psnr.group(1)) > 50, psnr.group());
    }

    @ParameterizedTest
    @ValueSource(strings = {"gbrp", "gbrp9", "gbrp10", "gbrp12", "gbrp14", "gbrp16", "gbrap", "gbrap10", "rgb24", "rgb48", "bgr24",
        "bgr48", "rgba", "bgra", "argb", "abgr", "rgba64", "bgra64", "rgb0", "0bgr"})
    void rgbGoesThroughExactly(String format) {
        assertEquals(STUB.frames(MOVING, "format=" + format), STUB.frames(MOVING, "format=" + format + "," + IDENTITY));
    }

    @ParameterizedTest
    @ValueSource(strings = {"yuv420p", "yuvj420p", "yuv411p", "yuv444p12", "yuva420p", "nv12", "p010", "gbrp", "gbrap12", "rgb48", "bgra"})
    void whatPassesUneditedIsNotTouched(String format) {
        List<String> source = STUB.frames(MOVING, "format=" + format);
        assertEquals(source, STUB.frames(MOVING, "format=" + format + ",fatezero=steps=1:enable=0"));
        assertEquals(source, STUB.frames(MOVING, "format=" + format + ",fatezero=steps=1:on_error=pass:prompt='throw IOException oops'"));
    }

    /** The edit is the negative: alpha is not. */
    @ParameterizedTest
    @ValueSource(strings = {"yuva420p", "yuva444p10", "gbrap", "gbrap12", "rgba", "argb", "rgba64"})
    void alphaIsTheSources(String format) {
        String before = "format=rgba,geq=r=X*4:g=Y*5:b=0:a=255-X-Y,format=" + format;
        assertEquals(STUB.frames(MOVING, before + ",alphaextract"),
            STUB.frames(MOVING, before + ",fatezero=steps=1,format=" + format + ",alphaextract"));
        assertEquals(STUB.frames(MOVING, before + ",alphaextract,split,hstack"),
                     STUB.frames(MOVING, before + ",fatezero=steps=1:show=compare,format=" + format + ",alphaextract"));
    }

    /** Fields of two colours: nothing of one's chroma gets into the other's. */
    @ParameterizedTest
    @ValueSource(strings = {"yuv420p", "nv12", "p010", "yuv410p", "yuv440p"})
    void fieldsOfInterlacedVideoKeepTheirChroma(String format) {
        String fields = "format=yuv444p,geq=lum=128:cb='128-60*mod(Y,2)':cr=128,setfield=tff,scale=interl=1,format=" + format;
        assertTrue(chroma(fields + ",setfield=tff") > 45, format);
        assertTrue(chroma(fields + ",setfield=prog") < 30, "progressive " + format);
    }

    /** PSNR of a video's first chroma in an edit that changes nothing, dB. */
    private static double chroma(String video) {
        Ffmpeg.Result result = STUB.run("-f lavfi -i color=s=64x48 -frames:v 8 -filter_complex",
            video + ",split[a][b];[b]" + IDENTITY + "[c];[a]format=yuv444p[d];[c]format=yuv444p[e];[d][e]psnr",
            "-f", "null", "-").succeeded();
        Matcher psnr = Pattern.compile("PSNR .* u:([0-9.]+|inf)").matcher(result.log());
        assertTrue(psnr.find(), result.log());
        return psnr.group(1).equals("inf") ? 100 : Double.parseDouble(psnr.group(1));
    }

    /** Of each plane, as FFmpeg puts frames side by side. */
    @ParameterizedTest
    @ValueSource(strings = {"yuv420p", "yuva422p10", "nv12", "gbrp", "bgra"})
    void panelsHoldUneditedFramesAsTheyAre(String format) {
        assertEquals(STUB.frames(MOVING, "format=" + format + ",split,hstack,format=" + format),
                     STUB.frames(MOVING, "format=" + format + ",fatezero=steps=1:show=compare:enable=0"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"yuv420p", "yuv410p", "nv12"})
    void panelsOfOddWidth(String format) {
        String odd = "-f lavfi -i testsrc2=s=33x17:r=25 -frames:v 9 -vf";
        String luma = ",format=yuv444p,extractplanes=y";
        assertEquals(STUB.frames(odd, "format=" + format + luma + ",split,hstack"),
                     STUB.frames(odd, "format=" + format + ",fatezero=steps=1:show=compare:enable=0" + luma));
        assertEquals(9, STUB.frames(odd, "format=" + format + ",fatezero=steps=1:show=compare").size());
    }

    @ParameterizedTest
    @ValueSource(strings = {PQ, HLG})
    void hdrIsToldOnce(String before) {
        Ffmpeg.Result result = STUB.run(MOVING, before + ",fatezero=steps=1:window=3", "-f", "null", "-").succeeded();
        assertEquals(1, result.log().lines().filter(line -> line.contains("HDR")).count(), result.log());
    }

    @Test
    void aMatrixThatIsNotKnownIsToldOnce() {
        Ffmpeg.Result result = STUB.run(MOVING, "format=yuv444p,setparams=colorspace=ictcp,fatezero=steps=1:window=3",
            "-f", "null", "-").succeeded();
        assertEquals(1, result.log().lines().filter(line -> line.contains("the matrix ictcp")).count(), result.log());
    }

    @Test
    void whatIsKnownIsNotWarnedOf() {
        Ffmpeg.Result result = STUB.run("-v warning " + JEEP, BT709 + ",fatezero=steps=1", "-f", "null", "-").succeeded();
        assertEquals("", result.log().replace("what Java prints must not reach the host's standard output\n", ""));
    }

    private static Path joined(Path file, List<String> commands) throws Exception {
        for (String command : commands)
            Files.write(file, STUB.run("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 5 -vf " + command + " -").succeeded().out(),
                StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        return file;
    }

    /** A host that is told not to build its graph anew: every frame comes out, in the format that was agreed on. */
    @Test
    void rgbOfAnotherFormatMidway(@TempDir Path folder) throws Exception {
        Path file = joined(folder.resolve("frames.png"), List.of("rgb24", "rgb48be", "rgba", "gray", "rgb24").stream()
            .map(format -> "format=" + format + " -c:v png -f image2pipe").toList());
        String input = "-reinit_filter 0 -f image2pipe -i " + file + " -vf";
        List<String> frames = STUB.frames(input, "fatezero=steps=1");
        assertEquals(25, frames.size());
        assertEquals(1, frames.stream().map(line -> line.split(", *")[4]).distinct().count(), "one size in bytes: " + frames);
        List<String> expected = STUB.frames("-f image2pipe -i " + file + " -vf", "format=rgb24,lutrgb=r=negval:g=negval:b=negval");
        assertEquals(expected.subList(0, 5), frames.subList(0, 5));
        assertEquals(expected.subList(10, 25), frames.subList(10, 25));
    }

    @Test
    void yuvOfAnotherFormatMidway(@TempDir Path folder) throws Exception {
        Path file = joined(folder.resolve("frames.h264"), List.of("yuv420p", "yuv444p", "yuv422p", "yuv420p").stream()
            .map(format -> "format=" + format + " -c:v libx264 -bf 0 -f h264").toList());
        List<String> frames = STUB.frames("-reinit_filter 0 -i " + file + " -vf", "fatezero=steps=1");
        assertEquals(20, frames.size());
        assertEquals(times(STUB.frames("-i " + file + " -vf format=yuv420p")), times(frames));
    }

    /** Black is black and its edit white, in numbers of the range that was agreed on. */
    @ParameterizedTest
    @ValueSource(strings = {"rgb24 yuv420p", "yuv420p rgb24"})
    void rangesAreKeptWhereFormatsChangeMidway(String formats, @TempDir Path folder) throws Exception {
        Path file = folder.resolve("frames.h264");
        for (String format : formats.split(" "))
            Files.write(file, STUB.run("-f lavfi -i color=black:s=64x48:r=25 -frames:v 5 -vf format=" + format + " -qp 0 -bf 0 -c:v "
                + (format.equals("rgb24") ? "libx264rgb" : "libx264 -color_range tv -colorspace bt709") + " -f h264 -").succeeded().out(),
                StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        for (String enable : List.of("1", "0")) {
            List<String> frames = STUB.frames("-reinit_filter 0 -i " + file + " -vf", "fatezero=steps=1:enable=" + enable);
            assertEquals(10, frames.size());
            assertEquals(1, frames.stream().map(line -> line.substring(line.lastIndexOf(','))).distinct().count(),
                "the same to the last bit: " + frames);
        }
    }

    /** The last column of chroma is written, too. */
    @ParameterizedTest
    @ValueSource(strings = {"yuv410p", "yuv411p", "yuv420p"})
    void chromaOfPanelsOfAnyWidth(String format) {
        for (int width = 33; width < 37; width++) {
            String red = "format=rgb24,crop=%d:17:0:0,format=" + format;
            String input = "-f lavfi -i color=red:s=96x32:r=25 -frames:v 9 -vf";
            assertEquals(STUB.frames(input, red.formatted(2 * width)),
                         STUB.frames(input, red.formatted(width) + ",fatezero=steps=1:show=compare:enable=0"), width + " pixels");
        }
    }

    /** What the numbers mean differs, so frames on either side of the change are not edited together. */
    @Test
    void aChangeOfTagsEndsTheWindow(@TempDir Path folder) throws Exception {
        Path file = joined(folder.resolve("frames.h264"), List.of("bt709", "smpte170m").stream()
            .map(matrix -> "format=yuv420p -c:v libx264 -bf 0 -colorspace " + matrix + " -f h264").toList());
        List<String> lines = STUB.run("-reinit_filter 0 -i " + file + " -vf", "fatezero=steps=1,metadata=print:file=-", "-f", "null", "-")
            .succeeded().lines();
        assertEquals(List.of(1, 1, 1, 1, 1, 2, 2, 2, 2, 2), lines.stream().filter(line -> line.startsWith("lavfi.fatezero.window="))
            .map(line -> Integer.parseInt(line.split("=")[1])).toList());
    }
}
