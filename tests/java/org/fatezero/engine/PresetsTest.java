package org.fatezero.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.TinyOptions;
import org.fatezero.edit.Mix;
import org.fatezero.forward.ForwardContext;
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
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;

/** Several edits that share one inversion. */
class PresetsTest {

    private static final String TINY = "tests/golden/tiny";
    private static final int FRAMES = 2;
    private static final int STEPS = 3;
    private static final int ROW = 32 * 3;

    @TempDir
    private Path folder;

    private static Engine open(Host host, String... set) throws Exception {
        Map<String, String> options = TinyOptions.of(TINY, set);
        options.put("steps", Integer.toString(STEPS));
        if (!Arrays.asList(set).contains("prompt")) {
            options.remove("prompt");
        }
        if (!Arrays.asList(set).contains("keys")) {
            options.remove("keys");
        }
        return new Engine(options, host);
    }

    private static Engine open(String... set) throws Exception {
        return open(new TinyOptions.Silent(), set);
    }

    private static ByteBuffer[] frames(int n) {
        ByteBuffer[] frames = new ByteBuffer[n];
        for (int i = 0; i < n; i++) {
            frames[i] = ByteBuffer.allocateDirect(ROW * 24);
            for (int j = 0; j < ROW * 24; j++) {
                frames[i].put(j, (byte) (40 * i + j / 3 % 97));
            }
        }
        return frames;
    }

    /** One text a frame, one edit's after another's. */
    private static List<String> edited(Engine engine) throws Exception {
        ByteBuffer[] target = frames(FRAMES * engine.edits());
        edit(engine, target);
        return texts(target);
    }

    private static void edit(Engine engine, ByteBuffer... target) throws Exception {
        int[] strides = new int[target.length];
        Arrays.fill(strides, ROW);
        engine.edit(frames(FRAMES), Arrays.copyOf(strides, FRAMES), target, strides, 32, 24, 8);
    }

    private static List<String> texts(ByteBuffer... frames) {
        return Arrays.stream(frames).map(frame -> {
            byte[] bytes = new byte[frame.capacity()];
            frame.get(0, bytes);
            return HexFormat.of().formatHex(bytes);
        }).toList();
    }

    private String preset(String name, String text) throws Exception {
        return Files.writeString(folder.resolve(name), text).toString();
    }

    @ParameterizedTest
    @ValueSource(strings = {"keep", "recompute"})
    void eachEditIsTheOneThatItsPresetMakesAlone(String store) throws Exception {
        String[] names = {"watercolor", preset("local", "prompt=a red {from} on a road\nblend={from}\nblend_latents=1\nself_replace=0.5"),
            preset("bold", "prompt=a jeep\nstart=0.5\nself_replace=0.4-1\ncross_replace=0.2\nblend=road"), "watercolor"};
        try (Engine together = open("presets", String.join("|", names), "from", "jeep", "store", store)) {
            assertEquals(4, together.edits());
            List<String> all = edited(together);
            for (int i = 0; i < names.length; i++) {
                try (Engine alone = open("preset", names[i], "from", "jeep", "store", store)) {
                    assertEquals(1, alone.edits());
                    List<String> one = edited(alone);
                    for (int j = 0; j < FRAMES; j++) {
                        assertClose(one.get(j), all.get(i * FRAMES + j), names[i]);
                    }
                }
            }
        }
    }

    private static final String CONFIGURATION = "tests/configurations/jeep.yaml";

    @ParameterizedTest
    @ValueSource(strings = {"preset", "presets"})
    void severalEditsOfOneConfiguration(String option) throws Exception {
        List<String> told = new ArrayList<>();
        Host host = new TinyOptions.Silent() {
            @Override
            public void log(int level, String message) {
                told.add(message);
            }
        };
        try (Engine together = open(host, option, CONFIGURATION, "edit", "1| 3")) {
            assertEquals(2, together.edits());
            assertEquals(1, told.stream().filter(message -> message.contains("before this filter put")).count(), told.toString());
            List<String> all = edited(together);
            for (int i = 0; i < 2; i++) {
                try (Engine alone = open("preset", CONFIGURATION, "edit", i == 0 ? "1" : "3")) {
                    List<String> one = edited(alone);
                    for (int j = 0; j < FRAMES; j++) {
                        assertClose(one.get(j), all.get(i * FRAMES + j), "edit " + i);
                    }
                    assertArrayEquals(alone.metadata(0), together.metadata(i));
                }
            }
            assertFalse(all.get(0).equals(all.get(FRAMES)));
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "a.yaml|a.yaml|a.yaml; 1|2; presets=a.yaml|a.yaml|a.yaml names 3 edits and edit=1|2 2: expected as many, or one for all",
        "a.yaml; 0|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16; edit names 17 edits: expected at most 16",
        "tests/configurations/jeep.yaml; 1|7; edit=7: expected one of the editing_prompts",
        "monet; 1|2; edit=1 picks a prompt of a configuration file, and preset=monet is none"})
    void numbersOfEditsThatCannotBe(String presets, String edit, String told) {
        String message = assertThrows(IllegalArgumentException.class, () -> open("presets", presets, "edit", edit)).getMessage();
        assertTrue(message.contains(told), message);
    }

    /** Rounding differs where another edit wants a map that this one would not have had built. */
    private static void assertClose(String expected, String found, String what) {
        byte[] a = HexFormat.of().parseHex(expected);
        byte[] b = HexFormat.of().parseHex(found);
        for (int i = 0; i < a.length; i++) {
            assertEquals(a[i] & 0xff, b[i] & 0xff, 1, what + ", byte " + i);
        }
    }

    /** How many latents pass the UNet for one window. */
    private static long cost(Engine engine, Model model) {
        try (NDManager window = model.manager.newSubManager()) {
            LatentCounter counter = new LatentCounter();
            ForwardContext context = ForwardContext.of(engine.editor().window(FRAMES, false, 6, 8)).and(counter);
            NDArray z0 = window.randomNormal(new Shape(FRAMES, model.unet.config().inChannels(), 6, 8));
            LatentEditor editor = engine.editor().latents();
            editor.edit(editor.invert(z0, context, true, List.of()), Mix.NONE, false, context, true);
            return counter.latents();
        }
    }

    /** F (T (3 + 2 P) U): the source's reconstruction has two branches of guidance as well. */
    @ParameterizedTest
    @CsvSource({"watercolor, 1", "watercolor|monet, 2"})
    void aReconstructionIsSharedToo(String presets, int edits) throws Exception {
        Model model = Models.acquire(TINY, "", Device.cpu(), DataType.FLOAT32, new TinyOptions.Silent());
        try (Engine engine = open("presets", presets, "store", "keep", "attention", "reconstruction")) {
            assertEquals(FRAMES * STEPS * (3 + 2 * edits), cost(engine, model));
        } finally {
            Models.release(model);
        }
        String[] mild = {"monet", preset("mild", "prompt=a jeep\nguidance=3")};
        open("presets", String.join("|", mild)).close();
        String message = assertThrows(IllegalArgumentException.class,
                () -> open("presets", String.join("|", mild), "attention", "reconstruction")).getMessage();
        assertTrue(message.contains("guidance=0.0 and guidance=3"), message);
        String[] late = {"monet", preset("late", "prompt=a jeep\nstart=0.5")};
        assertThrows(IllegalArgumentException.class, () -> open("presets", String.join("|", late), "attention", "reconstruction"));
    }

    /** As FFmpeg's default has it, and a host that hands on all options. */
    @Test
    void editMayBeLeftToAPreset() throws Exception {
        try (Engine engine = open("preset", "monet", "edit", "auto"); Engine without = open("preset", "monet")) {
            assertEquals(edited(without), edited(engine));
        }
    }

    /** Kept on disk the inversion is as deep as the deepest of them. */
    @Test
    void editsFromSeveralLevelsShareAnInversionOnDisk() throws Exception {
        String presets = String.join("|", "monet", preset("late", "prompt=a jeep\nstart=0.5"), preset("none", "prompt=a cat\nstart=0"));
        List<String> once;
        try (Engine engine = open("presets", presets, "inversion", folder.toString())) {
            once = edited(engine);
        }
        try (Engine engine = open("presets", presets)) {
            List<String> without = edited(engine);
            for (int i = 0; i < once.size(); i++) {
                assertClose(without.get(i), once.get(i), "frame " + i);
            }
        }
        try (Engine engine = open("presets", presets, "inversion", folder.toString(), "strength", "0.6");
                Engine without = open("presets", presets, "strength", "0.6")) {
            List<String> bolder = edited(engine);
            List<String> anew = edited(without);
            for (int i = 0; i < bolder.size(); i++) {
                assertClose(anew.get(i), bolder.get(i), "frame " + i + " of another edit of the inversion that was kept");
            }
            assertNotEquals(once, bolder);
        }
    }

    /** F (T (1 + 2 P) U): one inversion, and two branches of guidance for each edit. */
    @ParameterizedTest
    @CsvSource({"watercolor, 1", "watercolor|monet, 2", "watercolor|monet|cartoon|van-gogh, 4"})
    void theCostIsOneInversionAndTwoPassesAStepForEachEdit(String presets, int edits) throws Exception {
        Model model = Models.acquire(TINY, "", Device.cpu(), DataType.FLOAT32, new TinyOptions.Silent());
        try (Engine engine = open("presets", presets, "store", "keep")) {
            assertEquals(FRAMES * STEPS * (1 + 2 * edits), cost(engine, model));
        } finally {
            Models.release(model);
        }
    }

    @Test
    void progressCountsTheStepsOfAllEdits() throws Exception {
        StringBuilder told = new StringBuilder();
        Host host = new TinyOptions.Silent() {
            @Override
            public boolean step(String phase, int step, int steps) {
                String text = phase + " " + step + "/" + steps + "\n";
                told.append(told.toString().endsWith(text) ? "" : text);
                return true;
            }
        };
        try (Engine engine = open(host, "presets", "monet|cartoon")) {
            edited(engine);
        }
        assertEquals("encode 0/2 encode 1/2 invert 0/3 invert 1/3 invert 2/3 edit 0/6 edit 1/6 edit 2/6 edit 3/6 edit 4/6 edit 5/6 "
                + "decode 0/4 decode 1/4 decode 2/4 decode 3/4 decode 4/4", told.toString().strip().replace('\n', ' '));
    }

    @Test
    void cancelledInTheSecondEditNoTargetIsTouched() throws Exception {
        Host host = new TinyOptions.Silent() {
            @Override
            public boolean step(String phase, int step, int steps) {
                return !(phase.equals("edit") && step == STEPS + 1);
            }
        };
        try (Engine engine = open(host, "presets", "monet|cartoon")) {
            ByteBuffer[] target = frames(2 * FRAMES);
            assertThrows(CancellationException.class, () -> edit(engine, target));
            assertEquals(texts(frames(2 * FRAMES)), texts(target));
        }
    }

    @Test
    void eachEditHasItsMetadata() throws Exception {
        try (Engine engine = open("presets", "monet| cartoon")) {
            assertEquals("cartoon", new String(engine.metadata(1)[1], StandardCharsets.UTF_8));
            assertEquals("cartoon style a silver jeep on a road", new String(engine.metadata(1)[3], StandardCharsets.UTF_8));
            assertEquals("monet", new String(engine.metadata(0)[1], StandardCharsets.UTF_8));
        }
    }

    @Test
    void eachEditWantsItsTargets() throws Exception {
        try (Engine engine = open("presets", "monet|cartoon")) {
            String message = assertThrows(IllegalArgumentException.class, () -> edit(engine, frames(FRAMES))).getMessage();
            assertTrue(message.contains("2 edits"), message);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "monet|; from; jeep; to; car; presets=monet|",
        "|; from; jeep; to; car; presets=|",
        "monet|sepia; from; jeep; to; car; preset=sepia",
        "monet|cartoon; preset; van-gogh; to; car; preset=van-gogh and presets=monet|cartoon",
        "monet|monet|monet|monet|monet|monet|monet|monet|monet|monet|monet|monet|monet|monet|monet|monet|monet; to; a; from; b; 17 edits"})
    void presetsThatCannotGoTogether(String presets, String name, String value, String other, String otherValue, String told) {
        String message = assertThrows(IllegalArgumentException.class, () -> open("presets", presets, name, value, other, otherValue)
                .close()).getMessage();
        assertTrue(message.contains(told), message);
    }

    @Test
    void presetsOfOtherKeysCannotGoTogether() throws Exception {
        String other = preset("other", "prompt=x\nkeys=-1+first");
        String message = assertThrows(IllegalArgumentException.class, () -> open("presets", "monet|" + other)).getMessage();
        assertTrue(message.contains("keys=anchor and keys=-1+first"), message);
    }

    @Test
    void whatIsSetBesideThemHoldsForAll() throws Exception {
        open("presets", "monet|" + preset("other", "prompt=x\nkeys=-1+first"), "keys", "first").close();
        String nested = preset("nested", "prompt=x\npresets=monet|cartoon");
        String message = assertThrows(IllegalArgumentException.class, () -> open("preset", nested)).getMessage();
        assertTrue(message.contains(nested) && message.contains("presets="), message);
    }
}
