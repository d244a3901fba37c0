package org.fatezero.engine;

import org.fatezero.TinyOptions;
import org.fatezero.video.Frame;
import org.fatezero.video.Video;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** A clip that comes without a source is described by its frames. */
class DescribedTest {

    private static final String JEEP = "a red jeep driving down a curvy road in the countryside";

    private final List<String> log = new ArrayList<>();

    /** An edit of one step, and of one frame a window. */
    private Engine open(String... set) throws IOException {
        return new Engine(options(set), host());
    }

    private static Map<String, String> options(String... set) {
        Map<String, String> options =
                new LinkedHashMap<>(Map.of("device", "cpu", "precision", "fp32", "steps", "1", "window", "1", "size", "64"));
        for (int i = 0; i < set.length; i += 2) {
            options.put(set[i], set[i + 1]);
        }
        return options;
    }

    private Host host() {
        return new TinyOptions.Silent() {
            @Override
            public void log(int level, String message) {
                log.add(message);
            }
        };
    }

    private static Frame jeep() throws IOException {
        return Video.read(Path.of("tests/media/jeep.mp4"), 1).get(0);
    }

    private static byte[] edit(Engine engine, Frame frame) throws IOException {
        byte[] edited = new byte[frame.rgb().length];
        ByteBuffer pixels = ByteBuffer.allocateDirect(edited.length).put(frame.rgb());
        int[] stride = {3 * frame.width()};
        engine.edit(new ByteBuffer[] {pixels}, stride, new ByteBuffer[] {pixels}, stride, frame.width(), frame.height(), 8);
        pixels.get(0, edited);
        return edited;
    }

    private static Map<String, String> metadata(Engine engine) {
        Map<String, String> found = new LinkedHashMap<>();
        byte[][] pairs = engine.metadata(0);
        for (int i = 0; i < pairs.length; i += 2) {
            found.put(new String(pairs[i], StandardCharsets.UTF_8), new String(pairs[i + 1], StandardCharsets.UTF_8));
        }
        return found;
    }

    private List<String> captions() {
        return log.stream().filter(line -> line.startsWith("source: ") && !line.contains("recognises nothing")).toList();
    }

    @Test
    void pocketDescribesEachShotOnce() throws IOException {
        try (Engine engine = open()) {
            edit(engine, jeep());
            edit(engine, jeep());
            assertEquals(List.of("source: " + JEEP), captions());
            assertEquals(JEEP, metadata(engine).get("source"));
            assertEquals("watercolor painting of " + JEEP, metadata(engine).get("prompt"));
            engine.beginShot();
            edit(engine, new Frame(64, 64, new byte[3 * 64 * 64]));
            assertEquals(List.of("source: " + JEEP, "source: a scene"), captions());
            assertEquals("watercolor painting of a scene", metadata(engine).get("prompt"));
            assertEquals(1, log.stream().filter(line -> line.contains("recognises nothing here, so the edit keeps closer")).count());
            assertTrue(log.stream().noneMatch(line -> line.contains("does not know")), log.toString());
        }
    }

    @Test
    void aShotThatPocketDoesNotRecogniseIsHeldToItsSourceWhateverTheUserSaysItShows() throws IOException {
        Frame black = new Frame(64, 64, new byte[3 * 64 * 64]);
        Frame jeep = jeep();
        byte[] asEver;
        try (Engine engine = open("source", JEEP); Engine held = open("source", JEEP, "guidance", "2", "self_replace", "1")) {
            asEver = edit(engine, jeep);
            engine.beginShot();
            assertArrayEquals(edit(held, black), edit(engine, black));
            engine.beginShot();
            assertArrayEquals(asEver, edit(engine, jeep));
            assertEquals("watercolor painting of " + JEEP, metadata(engine).get("prompt"));
        }
        assertEquals(List.of(), captions());
        assertEquals(1, log.stream().filter(line -> line.contains("recognises nothing here, so the edit keeps closer")).count());
        try (Engine free = open("source", JEEP, "guidance", "3", "self_replace", "0.8"); Engine engine = open("source", JEEP)) {
            assertFalse(Arrays.equals(edit(free, black), edit(engine, black)));
        }
    }

    @Test
    void whatIsEditedIsTold() throws IOException {
        try (Engine engine = open("source", "a red jeep on a road", "prompt", "a zeppelin over the northern sea")) {
            assertEquals(1, engine.edits());
        }
        assertTrue(log.contains("'a red jeep on a road' becomes 'a zeppelin over the northern sea', model pocket, 1 steps"),
                log.toString());
        assertTrue(log.contains("model=pocket, the small one that is built in, does not know: zeppelin, northern; "
                + "for these, name a Stable Diffusion model"), log.toString());
    }

    @Test
    void framesThatAreEditedSmallerAreToldOnce() throws IOException {
        try (Engine engine = open("source", "a red jeep on a road")) {
            edit(engine, new Frame(64, 64, new byte[3 * 64 * 64]));
            assertTrue(log.stream().noneMatch(line -> line.contains("are edited at")), log.toString());
            edit(engine, new Frame(200, 160, new byte[3 * 200 * 160]));
            edit(engine, new Frame(200, 160, new byte[3 * 200 * 160]));
            try (Engine changed = new Engine(engine, options("source", "a red jeep on a road", "guidance", "2"), host())) {
                edit(changed, new Frame(200, 160, new byte[3 * 200 * 160]));
            }
        }
        assertEquals(1, log.stream().filter("frames of 200x160 are edited at 80x64, and enlarged to their own size"::equals).count(),
                log.toString());
    }

    /** Which its file was when the film began. */
    @Test
    void everyShotHasTheSamePreset(@TempDir Path folder) throws IOException {
        Path preset = Files.writeString(folder.resolve("mine.preset"), "prompt=a drawing of {source}");
        try (Engine engine = open("preset", preset.toString())) {
            edit(engine, jeep());
            Files.writeString(preset, "prompt=a photo of {source}\nwindow=2");
            engine.beginShot();
            edit(engine, new Frame(64, 64, new byte[3 * 64 * 64]));
            assertEquals("a drawing of a scene", metadata(engine).get("prompt"));
            Files.delete(preset);
            engine.beginShot();
            edit(engine, jeep());
            assertEquals("a drawing of " + JEEP, metadata(engine).get("prompt"));
        }
    }

    @Test
    void aShotThatCannotBeEditedLeavesTheOthersAsTheyAre() throws IOException {
        try (Engine engine = open("blend", "jeep", "blend_latents", "0.2-1", "size", "128")) {
            edit(engine, jeep());
            engine.beginShot();
            assertThrows(IllegalArgumentException.class, () -> edit(engine, new Frame(64, 64, new byte[3 * 64 * 64])), "no jeep is there");
            engine.beginShot();
            edit(engine, jeep());
            assertEquals(JEEP, metadata(engine).get("source"));
            assertEquals("watercolor painting of " + JEEP, metadata(engine).get("prompt"));
        }
    }

    @Test
    void whatTheUserSaysCounts() throws IOException {
        try (Engine engine = open("source", "a car")) {
            edit(engine, jeep());
            assertEquals(List.of(), captions());
            assertEquals("a car", metadata(engine).get("source"));
        }
    }

    @Test
    void wordsThatChangeAreFoundInTheCaption() throws IOException {
        try (Engine engine = open("preset", "background", "from", "on a road", "to", "in the snow", "size", "128")) {
            edit(engine, jeep());
            assertEquals("a red jeep driving in the snow in the countryside", metadata(engine).get("prompt"));
        }
        try (Engine engine = open("preset", "recolor", "from", "silver", "to", "blue")) {
            String message = assertThrows(IllegalArgumentException.class, () -> edit(engine, jeep())).getMessage();
            assertTrue(message.contains("from=silver: not in the source '" + JEEP + "'"), message);
            assertThrows(IllegalArgumentException.class, () -> edit(engine, jeep()), "as the next window is");
        }
    }

    /** The clip's swan may be a duck by its captioner, but is no jeep. */
    @Test
    void theUserKnowsBetterWhatIsLikelyToo() throws IOException {
        Frame swan = Video.read(Path.of("tests/media/swan.mp4"), 1).get(0);
        try (Engine engine = open("preset", "swap-object", "from", "duck", "to", "flamingo", "size", "128")) {
            edit(engine, swan);
            assertEquals(List.of("source: a silver swan swimming in a river near a wall and bushes",
                    "source: a silver duck swimming in a river near a wall and bushes, in the words of from=duck"), captions());
            assertEquals("a silver flamingo swimming in a river near a wall and bushes", metadata(engine).get("prompt"));
        }
        try (Engine engine = open("preset", "swap-object", "from", "jeep", "to", "flamingo")) {
            String message = assertThrows(IllegalArgumentException.class, () -> edit(engine, swan)).getMessage();
            assertTrue(message.contains("from=jeep: not in the source 'a silver swan"), message);
        }
    }

    @Test
    void severalEditsShareTheCaption() throws IOException {
        try (Engine engine = open("presets", "monet|cartoon", "show", "edit")) {
            Frame frame = jeep();
            ByteBuffer pixels = ByteBuffer.allocateDirect(frame.rgb().length).put(frame.rgb());
            ByteBuffer other = ByteBuffer.allocateDirect(frame.rgb().length);
            int[] strides = {3 * frame.width(), 3 * frame.width()};
            engine.edit(new ByteBuffer[] {pixels}, new int[] {strides[0]}, new ByteBuffer[] {pixels, other}, strides,
                    frame.width(), frame.height(), 8);
            assertEquals(1, captions().size());
            assertEquals(JEEP, metadata(engine).get("source"));
        }
    }

    @Test
    void aModelWithoutACaptionerIsToldAboutOnce() throws IOException {
        try (Engine engine = open("model", "tests/golden/tiny")) {
            edit(engine, jeep());
            edit(engine, jeep());
            assertEquals(1, captions().size());
            assertTrue(captions().get(0).contains("hf download Salesforce/blip-image-captioning-base"), captions().get(0));
            assertEquals("a scene", metadata(engine).get("source"));
        }
    }

    @Test
    void aCaptionerMayBeNamed() throws IOException {
        try (Engine engine = open("model", "tests/golden/tiny", "captioner", "tests/golden/blip")) {
            edit(engine, jeep());
            assertTrue(captions().get(0).matches("source: [a-z0-9 ]+"), captions().toString());
        }
        try (Engine engine = open("captioner", "/nowhere")) {
            IOException missing = assertThrows(IOException.class, () -> edit(engine, jeep()));
            assertTrue(missing.getMessage().startsWith("captioner=/nowhere: not found"), missing.getMessage());
        }
    }
}
