package org.fatezero.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.types.DataType;

import org.fatezero.TinyOptions;
import org.fatezero.model.Model;
import org.fatezero.model.Models;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;

/** Whole edits with the tiny model. */
class EngineTest {

    private static final String TINY = "tests/golden/tiny";

    /** key, value, key, value ... over an edit of two steps. */
    private static Engine open(Host host, String... set) throws Exception {
        return new Engine(TinyOptions.of(TINY, set), host);
    }

    private static final Host SILENT = new TinyOptions.Silent();

    private static ByteBuffer[] frames(int n, int bytes, int seed) {
        ByteBuffer[] frames = new ByteBuffer[n];
        for (int i = 0; i < n; i++) {
            frames[i] = ByteBuffer.allocateDirect(bytes);
            for (int j = 0; j < bytes; j++) {
                frames[i].put(j, (byte) (seed + 40 * i + j / 3 % 97));
            }
        }
        return frames;
    }

    private static int[] strides(int n, int stride) {
        int[] strides = new int[n];
        Arrays.fill(strides, stride);
        return strides;
    }

    private static List<String> texts(ByteBuffer... frames) {
        return Arrays.stream(frames).map(frame -> {
            byte[] bytes = new byte[frame.capacity()];
            frame.get(0, bytes);
            return HexFormat.of().formatHex(bytes);
        }).toList();
    }

    /** The edit of {@code n} frames of 32x24. */
    private static List<String> edited(Engine engine, int n, int depth) throws Exception {
        int stride = 32 * 3 * depth / 8;
        ByteBuffer[] source = frames(n, stride * 24, 7);
        ByteBuffer[] target = frames(n, stride * 24, 0);
        List<String> before = texts(source);
        engine.edit(source, strides(n, stride), target, strides(n, stride), 32, 24, depth);
        assertEquals(before, texts(source), "the source is only read");
        return texts(target);
    }

    @Test
    void latentsPutBackToTheEndOutsideOfNothingAreTheSource() throws Exception {
        List<String> source;
        List<String> edited;
        try (Engine engine = open(SILENT, "strength", "0", "blend_pixels", "0")) {
            source = edited(engine, 3, 8);
        }
        try (Engine engine = open(SILENT, "blend", "jeep", "threshold", "2", "blend_latents", "0-1", "blend_pixels", "0")) {
            edited = edited(engine, 3, 8);
        }
        assertEquals(source, edited);
        try (Engine engine = open(SILENT, "blend", "jeep", "threshold", "2", "blend_latents", "1")) {
            assertFalse(source.equals(edited(engine, 3, 8)), "the published range ends before the last step");
        }
    }

    /** A share of the steps that is less than half of one. */
    @Test
    void anEditOfNextToNoNoiseIsTheSource() throws Exception {
        List<List<String>> edits = new ArrayList<>();
        for (String start : List.of("0", "0.01")) {
            try (Engine engine = open(SILENT, "start", start, "forget", "0.9", "blend", "jeep", "blend_latents", "0.2-1")) {
                edits.add(edited(engine, 3, 8));
            }
        }
        assertEquals(edits.get(0), edits.get(1));
    }

    @Test
    void anEditThatStartsFromNoNoiseForgetsNothing() throws Exception {
        List<List<String>> edits = new ArrayList<>();
        for (String forget : List.of("0", "1")) {
            try (Engine engine = open(SILENT, "start", "0", "forget", forget)) {
                edits.add(edited(engine, 3, 8));
            }
        }
        assertEquals(edits.get(0), edits.get(1));
    }

    /** A configuration's blend words may be none of the source's: then the mask is the edit's alone, or nowhere. */
    @Test
    void asPublishedABlendMayNameNoWordOfTheSource() throws Exception {
        List<List<String>> edits = new ArrayList<>();
        for (String blend : List.of("jeep", "/", "/painting")) {
            String threshold = blend.equals("jeep") ? "2" : "0.5";
            try (Engine engine = open(SILENT, "blend", blend, "blend_latents", "0-1", "threshold", threshold, "parity", "1")) {
                edits.add(edited(engine, 3, 8));
            }
        }
        assertEquals(edits.get(0), edits.get(1));
        assertFalse(edits.get(1).equals(edits.get(2)));
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 16})
    void whatAnEditLeavesAloneIsTheFrameItself(int depth) throws Exception {
        try (Engine engine = open(SILENT, "start", "0"); Engine decoded = open(SILENT, "start", "0", "blend_pixels", "0");
                Engine asPublished = open(SILENT, "start", "0", "parity", "1", "size", "24");
                Engine own = open(SILENT, "start", "0", "blend_pixels", "0", "size", "24")) {
            List<String> source = texts(frames(3, 32 * 3 * depth / 8 * 24, 7));
            assertEquals(source, edited(engine, 3, depth));
            assertFalse(source.equals(edited(decoded, 3, depth)));
            assertEquals(edited(own, 3, depth), edited(asPublished, 3, depth));
        }
    }

    /** Nothing but the resizing differs where no noise is added; there is none at the frames' own size. */
    @ParameterizedTest
    @CsvSource({"64, false", "24, true"})
    void parityResizesInItsOwnWay(String size, boolean same) throws Exception {
        try (Engine ours = open(SILENT, "start", "0", "size", size, "blend_pixels", "0");
                Engine theirs = open(SILENT, "start", "0", "size", size, "parity", "1")) {
            assertEquals(same, edited(ours, 1, 8).equals(edited(theirs, 1, 8)));
        }
    }

    /** Frames are 24 pixels high. */
    @ParameterizedTest
    @CsvSource({"16, false", "24, true", "64, true"})
    void detailComesBackWhereFramesAreEditedSmaller(String size, boolean same) throws Exception {
        try (Engine enlarged = open(SILENT, "size", size, "detail", "0"); Engine detailed = open(SILENT, "size", size);
                Engine asPublished = open(SILENT, "size", size, "parity", "1");
                Engine plain = open(SILENT, "size", size, "parity", "1", "detail", "0")) {
            assertEquals(same, edited(enlarged, 1, 8).equals(edited(detailed, 1, 8)));
            assertEquals(edited(plain, 1, 8), edited(asPublished, 1, 8));
        }
    }

    @Test
    void theSameEditGivesTheSameBytes() throws Exception {
        List<String> first;
        try (Engine engine = open(SILENT)) {
            first = edited(engine, 3, 8);
            assertEquals(first, edited(engine, 3, 8), "in the next window");
        }
        try (Engine engine = open(SILENT)) {
            assertEquals(first, edited(engine, 3, 8), "in another engine");
        }
        assertEquals(3, Set.copyOf(first).size(), "frames are told apart");
        assertFalse(first.equals(texts(frames(3, 32 * 3 * 24, 7))), "an edit changes its clip");
    }

    @Test
    void framesMayBeEditedInPlace() throws Exception {
        try (Engine engine = open(SILENT)) {
            ByteBuffer[] frames = frames(3, 96 * 24, 7);
            engine.edit(frames, strides(3, 96), frames, strides(3, 96), 32, 24, 8);
            assertEquals(edited(engine, 3, 8), texts(frames));
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 8", "2, 8", "3, 16"})
    void aStreamMayEndWithAShorterWindowAndHaveDeepSamples(int frames, int depth) throws Exception {
        try (Engine engine = open(SILENT)) {
            assertEquals(3, engine.window());
            List<String> edited = edited(engine, frames, depth);
            assertEquals(frames, edited.size());
            assertEquals(edited, edited(engine, frames, depth));
        }
    }

    @ParameterizedTest
    @CsvSource({"321, 179, 2", "1, 1, 3", "9, 64, 0", "200, 10, 1", "2, 64, 0"})
    void framesMayHaveAnySizeAndTheirPaddingStays(int width, int height, int padding) throws Exception {
        int stride = 3 * width + padding;
        try (Engine engine = open(SILENT, "steps", "1", "size", "16")) {
            ByteBuffer[] target = frames(2, stride * height, 0);
            engine.edit(frames(2, stride * height, 7), strides(2, stride), target, strides(2, stride), width, height, 8);
            ByteBuffer untouched = frames(1, stride * height, 0)[0];
            boolean changed = false;
            for (int i = 0; i < stride * height; i++) {
                if (i % stride >= 3 * width) {
                    assertEquals(untouched.get(i), target[0].get(i), "padding at " + i);
                } else {
                    changed |= untouched.get(i) != target[0].get(i);
                }
            }
            assertTrue(changed);
        }
    }

    @Test
    void windowsThatCannotBeAreRefused() throws Exception {
        try (Engine engine = open(SILENT)) {
            ByteBuffer[] four = frames(4, 96 * 24, 7);
            ByteBuffer[] two = frames(2, 96 * 24, 7);
            ByteBuffer[] small = frames(2, 96 * 23, 7);
            refused("4 frames", () -> engine.edit(four, strides(4, 96), four, strides(4, 96), 32, 24, 8));
            refused("0 frames", () -> engine.edit(frames(0, 0, 0), strides(0, 96), frames(0, 0, 0), strides(0, 96), 32, 24, 8));
            refused("as many targets", () -> engine.edit(two, strides(2, 96), frames(1, 96 * 24, 0), strides(1, 96), 32, 24, 8));
            refused("as many targets", () -> engine.edit(two, strides(1, 96), two, strides(2, 96), 32, 24, 8));
            refused("32x24", () -> engine.edit(two, strides(2, 96), small, strides(2, 96), 32, 24, 8));
            refused("32x24", () -> engine.edit(small, strides(2, 96), two, strides(2, 96), 32, 24, 8));
            refused("frames of 4000x2: one side may be at most 32 times", () -> engine.edit(frames(1, 24000, 7), strides(1, 12000),
                frames(1, 24000, 7), strides(1, 12000), 4000, 2, 8));
            refused("10 bits", () -> engine.edit(two, strides(2, 96), two, strides(2, 96), 32, 24, 10));
            assertEquals(texts(frames(2, 96 * 24, 7)), texts(two));
        }
    }

    private static void refused(String told, org.junit.jupiter.api.function.Executable call) {
        String message = assertThrows(IllegalArgumentException.class, call).getMessage();
        assertTrue(message.contains(told), message);
    }

    @ParameterizedTest
    @CsvSource({"encode, 0", "encode, 2", "invert, 0", "invert, 1", "edit, 0", "edit, 1", "decode, 0"})
    void theHostMayCancelAtAnyStepAndTheTargetIsUntouched(String phase, int step) throws Exception {
        boolean[] cancels = {true};
        Host host = new TinyOptions.Silent() {
            @Override
            public boolean step(String at, int done, int steps) {
                return !(cancels[0] && at.equals(phase) && done == step);
            }
        };
        try (Engine engine = open(host); Engine other = open(SILENT)) {
            ByteBuffer[] target = frames(3, 96 * 24, 0);
            String message = assertThrows(CancellationException.class, () -> engine.edit(frames(3, 96 * 24, 7), strides(3, 96), target,
                    strides(3, 96), 32, 24, 8)).getMessage();
            assertTrue(message.contains(phase) && message.contains("step " + step), message);
            assertEquals(texts(frames(3, 96 * 24, 0)), texts(target));
            cancels[0] = false;
            assertEquals(edited(other, 3, 8), edited(engine, 3, 8), "and the next window is as if nothing had been");
        }
    }

    @Test
    void progressGoesThroughThePhases() throws Exception {
        Set<String> told = new LinkedHashSet<>();
        Host host = new TinyOptions.Silent() {
            @Override
            public boolean step(String phase, int step, int steps) {
                told.add(phase + " " + step + "/" + steps);
                return true;
            }
        };
        try (Engine engine = open(host)) {
            edited(engine, 1, 8);
        }
        assertEquals(List.of("encode 0/1", "invert 0/2", "invert 1/2", "edit 0/2", "edit 1/2", "decode 0/1", "decode 1/1"),
                List.copyOf(told));
    }

    @Test
    void aWindowLeavesNothingBehindWhetherItEndsOrNot() throws Exception {
        Model model = Models.acquire(TINY, "", Device.cpu(), DataType.FLOAT32, new TinyOptions.Silent());
        try {
            try (Engine engine = open(new TinyOptions.Silent())) {
                edited(engine, 1, 8); // the embeddings of its timesteps stay with the model
            }
            int closed = model.manager.getManagedArrays().size();
            boolean[] cancels = {false};
            Host host = new TinyOptions.Silent() {
                @Override
                public boolean step(String phase, int step, int steps) {
                    return !(cancels[0] && phase.equals("edit") && step == 1);
                }
            };
            try (Engine engine = open(host, "blend", "jeep", "blend_latents", "1")) {
                edited(engine, 3, 8);
                int after = model.manager.getManagedArrays().size();
                for (int window = 0; window < 3; window++) {
                    edited(engine, 1 + window, 16);
                    assertEquals(after, model.manager.getManagedArrays().size(), "window " + window);
                }
                cancels[0] = true;
                assertThrows(CancellationException.class, () -> edited(engine, 3, 8));
                assertEquals(after, model.manager.getManagedArrays().size(), "cancelled");
            }
            assertEquals(closed, model.manager.getManagedArrays().size(), "closed");
        } finally {
            Models.release(model);
        }
    }

    @Test
    void guidanceIsTheModelsOwnUnlessSet(@TempDir Path folder) throws Exception {
        TinyOptions.copyModel(folder);
        Path config = folder.resolve("scheduler/scheduler_config.json");
        Files.writeString(config, Files.readString(config).replaceFirst("\\{", "{\"_guidance_scale\": 3.0,"));
        String[][] same = {{}, {"guidance", "7.5"}, {"guidance", "3"}, {"model", folder.toString()}};
        List<List<String>> edits = new ArrayList<>();
        for (String[] set : same) {
            try (Engine engine = open(SILENT, set)) {
                edits.add(edited(engine, 3, 8));
            }
        }
        assertEquals(edits.get(0), edits.get(1));
        assertEquals(edits.get(2), edits.get(3));
        assertFalse(edits.get(0).equals(edits.get(2)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"keep", "recompute"})
    void whereNoStepIsGuidedThereIsNoGuidance(String store) throws Exception {
        try (Engine never = open(SILENT, "store", store, "guidance_interval", "0");
                Engine without = open(SILENT, "store", store, "guidance", "1");
                Engine always = open(SILENT, "store", store)) {
            List<String> unguided = edited(never, 3, 8);
            assertEquals(edited(without, 3, 8), unguided);
            assertFalse(edited(always, 3, 8).equals(unguided));
        }
    }

    @Test
    void optionsChangeTheEdit() throws Exception {
        List<List<String>> edits = new ArrayList<>();
        String[][] sets = {{}, {"guidance", "1"}, {"guidance_interval", "0.5"}, {"guidance_interval", "0.5-1"}, {"negative", "blue"},
            {"self_replace", "0"}, {"cross_replace", "0"}, {"emphasize", "painting=20"}, {"keys", "self"}, {"attention", "reconstruction"},
            {"norm", "window"}, {"steps", "3"}, {"size", "32"}, {"blend", "jeep"}, {"steps", "4", "blend", "jeep"},
            {"steps", "4", "blend", "-jeep"}, {"steps", "4", "blend", "jeep", "blend_latents", "0"},
            {"steps", "4", "blend", "jeep", "blend_latents", "0.5-1", "blend_attention", "0"},
            {"keys_at", "16ch"}, {"forget", "1"}, {"forget", "0.5"}, {"self_replace", "0", "cross_replace", "0", "forget", "1"},
            {"steps", "4", "blend", "jeep", "forget", "1"}, {"steps", "4", "blend", "jeep", "blend_pool", "0"},
            {"control", "replace", "prompt", "a golden jeep on a road"}};
        for (String[] set : sets) {
            try (Engine engine = open(SILENT, set)) {
                edits.add(edited(engine, 3, 8));
            }
        }
        for (int i = 0; i < sets.length; i++) {
            assertEquals(i, edits.indexOf(edits.get(i)), "no other option does what this does: " + Arrays.toString(sets[i]));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "8", "16", "32", "4096"}) // the tiny model's levels are of 64, 32, 16 and 8 cells a side
    void recomputingGivesTheEditThatKeepingGives(String fuseAt) throws Exception {
        try (Engine keeping = open(SILENT, "store", "keep", "fuse_at", fuseAt);
                Engine recomputing = open(SILENT, "store", "recompute", "fuse_at", fuseAt)) {
            List<String> kept = edited(keeping, 3, 8);
            List<String> recomputed = edited(recomputing, 3, 8);
            for (int i = 0; i < 3; i++) {
                byte[] a = HexFormat.of().parseHex(kept.get(i));
                byte[] b = HexFormat.of().parseHex(recomputed.get(i));
                for (int j = 0; j < a.length; j++) {
                    assertEquals(a[j] & 0xff, b[j] & 0xff, 1, "byte " + j);
                }
            }
        }
    }

    @Test
    void metadataTellsWhatTheEditIs() throws Exception {
        Map<String, String> options = TinyOptions.of(TINY, "preset", "monet", "source", "a 🚗");
        options.remove("prompt");
        try (Engine engine = new Engine(options, SILENT)) {
            String[] pairs = Arrays.stream(engine.metadata(0)).map(bytes -> new String(bytes, StandardCharsets.UTF_8))
                    .toArray(String[]::new);
            assertArrayEquals(new String[] {"preset", "monet", "prompt", "monet style painting of a 🚗", "source", "a 🚗",
                "model", TINY, "steps", "2"}, pairs);
        }
    }

    @Test
    void aPromptThatIsTooLongIsEditedWithAWarningOfWhatIsCut() throws Exception {
        List<String> warnings = new ArrayList<>();
        Host host = new TinyOptions.Silent() {
            @Override
            public void log(int level, String message) {
                if (level <= WARNING) {
                    warnings.add(message);
                }
            }
        };
        open(host, "prompt", "a ".repeat(80) + "road").close();
        assertEquals(1, warnings.size(), warnings.toString());
        assertTrue(warnings.get(0).startsWith("prompt is too long") && warnings.get(0).endsWith("a a a a a road"), warnings.get(0));
    }
}
