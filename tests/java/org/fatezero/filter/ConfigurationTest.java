package org.fatezero.filter;

import static org.fatezero.filter.Ffmpeg.REAL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.fatezero.Golden;
import org.fatezero.tensor.SafeTensors;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Configuration files of the authors' code. */
@Tag("filter")
class ConfigurationTest {

    private static final String TOLD = "before this filter put ";

    @TempDir
    private Path folder;

    /** The filters that are told of a file, run on the clip that the authors' data set was given, give what that gave, in 8 bits. */
    @ParameterizedTest
    @ValueSource(strings = {"smaller", "larger", "wide", "tall", "partial"})
    void theFiltersThatAreToldGiveTheFramesOfTheAuthorsDataSet(String clip) throws Exception {
        Path numbers = Golden.FOLDER.resolve("frames.safetensors");
        try (Golden golden = new Golden(numbers); SafeTensors file = new SafeTensors(numbers)) {
            String settings = file.metadata().get(clip);
            Path configuration = Files.writeString(folder.resolve("a.yaml"), "{\"dataset_config\": {\"prompt\": \"a jeep\", "
                + settings.substring(1) + ", \"editing_config\": {\"editing_prompts\": [\"a car\"]}}");
            String log = REAL.run("-f lavfi -i color=s=16x16:d=1:r=1 -vf", "fatezero=steps=1:size=16:preset=" + configuration,
                "-f", "null", "-").succeeded().log();
            String filters = log.lines().filter(line -> line.contains(TOLD)).findFirst()
                .map(line -> line.substring(line.indexOf(TOLD) + TOLD.length())).orElseThrow();
            long[] shape = file.entries().get(clip + ".source").shape(); // (frames, height, width, 3)
            Path source = Files.write(folder.resolve("source.rgb"), golden.bytes(clip + ".source"));
            Path frames = folder.resolve("frames.rgb");
            String in = "-f rawvideo -pix_fmt rgb24 -r 5 -s " + shape[2] + "x" + shape[1] + " -i " + source + " -vf";
            REAL.run(in, filters, "-fps_mode", "passthrough", "-f", "rawvideo", frames.toString()).succeeded();
            float[] expected = golden.array(clip + ".images").transpose(0, 2, 3, 1).toFloatArray();
            int side = (int) golden.array(clip + ".images").getShape().get(2);
            byte[] found = Files.readAllBytes(frames);
            assertEquals(expected.length, found.length);
            for (int i = 0; i < found.length; i++) {
                int x = i / 3 % side;
                int y = i / 3 / side % side;
                // at the edges FFmpeg repeats pixels, which libtorch leaves out
                boolean inside = x > 0 && x < side - 1 && y > 0 && y < side - 1;
                assertEquals((expected[i] + 1) * 127.5f, found[i] & 0xff, inside ? 0.6 : 16, clip + ", sample " + i);
            }
            List<String> times = Ffmpeg.times(REAL.frames(in, filters));
            for (int i = 0; i < times.size(); i++)
                assertTrue(times.get(i).replace(" ", "").startsWith("0," + i + "," + i + ",1,"), times.toString());
        }
    }

    @Test
    void severalEditsOfAFileHaveAnOutputEach() {
        List<String> frames = REAL.run("-f lavfi -i testsrc2=s=32x32:r=1:d=2,format=rgb24 -filter_complex",
            "fatezero=presets=tests/configurations/jeep.yaml:edit=1|3:steps=2:window=2[a][b]",
            "-map", "[a]", "-map", "[b]", "-f", "framemd5", "-")
            .succeeded().lines().stream().filter(line -> !line.startsWith("#")).toList();
        assertEquals(4, frames.size());
        assertEquals(4, frames.stream().map(line -> line.substring(line.lastIndexOf(',') + 1)).distinct().count(), frames.toString());
    }
}
