package org.fatezero.caption;

import org.fatezero.Golden;
import org.fatezero.video.Frame;
import org.fatezero.video.Video;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Pocket's captioner: its numbers against PyTorch's, and what it says. */
class SceneReaderTest {

    private static final Path MODEL = Path.of("java-engine/pocket/captioner");

    @Test
    void logitsAreTheReferences() throws IOException {
        try (Golden golden = new Golden("captioner.safetensors"); SceneReader reader = new SceneReader(MODEL)) {
            for (int i = 0; i < 4; i++) {
                Golden.assertClose(golden.array(i + ".logits"), golden.manager.create(reader.logits(frame(golden, i))), 1e-5, "frame " + i);
            }
        }
    }

    @Test
    void saysWhatAFrameShows() throws IOException {
        try (Golden golden = new Golden("captioner.safetensors"); SceneReader reader = new SceneReader(MODEL)) {
            assertEquals("a white swan swimming in a river near a wall and bushes", reader.caption(frame(golden, 0)));
            assertEquals("watercolor painting of an orange fox walking in the snow", reader.caption(frame(golden, 1)));
            assertEquals("a forest", reader.caption(frame(golden, 2)));
            assertEquals("a white swan swimming in a river near a wall and bushes", reader.caption(frame(golden, 3)), "of another size");
            Frame jeep = Video.read(Path.of("tests/media/jeep.mp4"), 1).get(0);
            assertEquals("a red jeep driving down a curvy road in the countryside", reader.caption(jeep));
        }
    }

    @Test
    void judgesCaptionsByTheWordsThatItKnows() throws IOException {
        Frame swan = Video.read(Path.of("tests/media/swan.mp4"), 1).get(0);
        try (SceneReader reader = new SceneReader(MODEL)) {
            double[] p = reader.logProbabilities(swan, List.of("a silver swan swimming in a river near a wall and bushes",
                    "a silver duck on a river", "a silver jeep in a river", "a silver swan in the snow",
                    "a silver swan with a duck on a river", "a silver dog in a river"));
            assertTrue(p[1] > p[0] + Math.log(0.01) && p[1] < p[0], "a duck: " + Arrays.toString(p));
            for (int i = 2; i < p.length; i++) {
                assertTrue(p[i] < p[1], i + ": " + Arrays.toString(p));
            }
        }
    }

    @Test
    void namesNothingThatItDoesNotKnow() throws IOException {
        byte[] noise = new byte[3 * 160 * 90];
        new Random(1).nextBytes(noise);
        try (SceneReader reader = new SceneReader(MODEL)) {
            assertEquals("a scene", reader.caption(new Frame(160, 90, noise)));
            assertEquals("a scene", reader.caption(new Frame(128, 128, new byte[3 * 128 * 128])), "black");
            assertEquals("a scene", reader.caption(new Frame(4000, 2, new byte[3 * 4000 * 2])), "a strip");
            assertEquals("a scene", reader.caption(new Frame(1, 1, new byte[3])), "a pixel");
        }
    }

    @Test
    void wordsThatDoNotFitAreTold(@TempDir Path folder) throws IOException {
        Files.copy(MODEL.resolve("model.safetensors"), folder.resolve("model.safetensors"));
        String config = Files.readString(MODEL.resolve("config.json"));
        Files.writeString(folder.resolve("config.json"), config.replaceFirst("\"jeep driving\",", ""));
        IOException shape = assertThrows(IOException.class, () -> new SceneReader(folder));
        assertTrue(shape.getMessage().contains("head.weight has shape"), shape.getMessage());
        Files.writeString(folder.resolve("config.json"), config.replace("watercolor painting of {}", "watercolor"));
        IOException style = assertThrows(IOException.class, () -> new SceneReader(folder));
        assertTrue(style.getMessage().contains("styles is"), style.getMessage());
    }

    private static Frame frame(Golden golden, int i) throws IOException {
        int[] size = golden.integers(i + ".size");
        return new Frame(size[1], size[0], golden.bytes(i + ".frame"));
    }
}
