package org.fatezero.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.TinyOptions;
import org.fatezero.model.Model;
import org.fatezero.model.Models;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.TensorWriter;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;
import org.fatezero.video.Frame;
import org.fatezero.video.Video;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/** Edits in half precision, and numbers that are not finite. */
class PrecisionTest {

    private static final int SIDE = 128;
    private static final int FRAMES = 3;

    @TempDir
    private Path folder;

    private final List<String> warnings = new ArrayList<>();
    private final List<String> phases = new ArrayList<>();
    private final Host host = new TinyOptions.Silent() {
        @Override
        public void log(int level, String message) {
            if (level <= WARNING) {
                warnings.add(message);
            }
        }

        @Override
        public boolean step(String phase, int step, int steps) {
            phases.add(phase + " " + step);
            return true;
        }
    };

    /** The middle of a film's first frames. */
    private static ByteBuffer[] scene() throws Exception {
        List<Frame> frames = Video.read(Path.of("tests/media/jeep.mp4"), FRAMES);
        return frames.stream().map(frame -> {
            ByteBuffer pixels = ByteBuffer.allocateDirect(3 * SIDE * SIDE);
            int left = (frame.width() - SIDE) / 2;
            int top = (frame.height() - SIDE) / 2;
            for (int y = 0; y < SIDE; y++) {
                pixels.put(frame.rgb(), 3 * ((top + y) * frame.width() + left), 3 * SIDE);
            }
            return pixels.rewind();
        }).toArray(ByteBuffer[]::new);
    }

    private static byte[] bytes(ByteBuffer... frames) {
        byte[] all = new byte[frames.length * frames[0].capacity()];
        for (int i = 0; i < frames.length; i++) {
            frames[i].get(0, all, i * frames[i].capacity(), frames[i].capacity());
        }
        return all;
    }

    private static byte[] edited(Engine engine, ByteBuffer... source) throws Exception {
        ByteBuffer[] target = IntStream.range(0, FRAMES).mapToObj(i -> ByteBuffer.allocateDirect(3 * SIDE * SIDE))
                .toArray(ByteBuffer[]::new);
        int[] strides = {3 * SIDE, 3 * SIDE, 3 * SIDE};
        engine.edit(source, strides, target, strides, SIDE, SIDE, 8);
        return bytes(target);
    }

    /** Mean squared difference of samples from 0 to 255. */
    private static double error(byte[] a, byte[] b) {
        return IntStream.range(0, a.length).mapToDouble(i -> Math.pow((a[i] & 255) - (b[i] & 255), 2)).average().orElseThrow();
    }

    /**
     * What rounding to eight bits of significand does to an edit must drown in what the edit does, whatever the processor: each sums
     * its products in an order of its own, which moves the result by no more than the rounding itself.
     */
    @ParameterizedTest
    @CsvSource({"keep, ddim, ''", "recompute, ddim, ''", "keep, implicit, jeep"})
    void halfAsManyBitsMakeTheSameEditOfAScene(String store, String solver, String blend) throws Exception {
        List<byte[]> made = new ArrayList<>();
        ByteBuffer[] source = scene();
        for (String precision : List.of("fp32", "bf16")) {
            try (Engine engine = new Engine(TinyOptions.of("pocket", "precision", precision, "size", "128", "steps", "4", "store", store,
                    "solver", solver, "guidance", "3", "self_replace", "0.8", "source", "a red jeep driving down a road",
                    "prompt", "watercolor painting of a red jeep driving down a road",
                    "blend", blend, "blend_latents", blend.isEmpty() ? "0" : "1"), host)) {
                made.add(edited(engine, source));
            }
        }
        double rounding = error(made.get(0), made.get(1));
        double edit = error(made.get(0), bytes(source));
        assertTrue(rounding > 0, "the precisions are told apart");
        assertTrue(100 * rounding < edit, "bf16 is off by " + rounding + ", the edit changes " + edit);
        assertEquals(List.of(), warnings);
    }

    /** The tiny model with other values in a tensor, as a folder. */
    private String tiny(String part, Map<String, Map<String, Float>> values) throws Exception {
        TinyOptions.copyModel(folder);
        Path file = Weights.find(folder.resolve(part));
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            Map<String, NDArray> all = new LinkedHashMap<>();
            try (SafeTensors read = new SafeTensors(file)) {
                Weights weights = Weights.of(read, manager, DataType.FLOAT32, new Torch(manager));
                for (SafeTensors.Entry entry : read.entries().values()) {
                    all.put(entry.name(), weights.get(entry.name(), entry.shape()));
                }
            }
            values.forEach((name, changed) -> changed.forEach((place, value) -> all.get(name).set(new NDIndex(place), value)));
            TensorWriter.write(file, all, Map.of());
        }
        return folder.toString();
    }

    /** A channel that is zero, times a weight that single precision holds and bfloat16 rounds to infinity. */
    private String overflowing() throws Exception {
        String block = "down_blocks.0.attentions.0.transformer_blocks.0.";
        return tiny("unet", Map.of(block + "norm2.weight", Map.of("0", 0f), block + "norm2.bias", Map.of("0", 0f),
                block + "attn2.to_q.weight", Map.of(":, 0", Float.MAX_VALUE)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"keep", "recompute"})
    void whereHalfPrecisionOverflowsTheWindowIsEditedInSingle(String store) throws Exception {
        String model = overflowing();
        ByteBuffer[] source = scene();
        byte[] expected;
        try (Engine single = new Engine(TinyOptions.of(model, "store", store), host)) {
            expected = edited(single, source);
        }
        try (Engine half = new Engine(TinyOptions.of(model, "precision", "bf16", "store", store), host)) {
            assertEquals(List.of(), warnings);
            assertEquals(0, error(expected, edited(half, source)));
            assertEquals(List.of("the latents inverted to level 1 of 2 are not finite in half precision: once more, and from now on, with "
                    + "precision=fp32, which takes longer"), warnings);
            assertEquals(0, error(expected, edited(half, source)), "and the next window");
            assertEquals(1, warnings.size());
        }
    }

    @Test
    void theInversionThatIsKeptIsTheOneInSinglePrecision(@TempDir Path kept) throws Exception {
        String model = overflowing();
        ByteBuffer[] source = scene();
        for (String precision : List.of("bf16", "fp32")) {
            phases.clear();
            try (Engine engine = new Engine(TinyOptions.of(model, "precision", precision, "inversion", kept.toString()), host)) {
                edited(engine, source);
            }
        }
        assertEquals(List.of(), phases.stream().filter(phase -> phase.startsWith("invert")).toList());
    }

    @Test
    void aModelThatCannotBeLoadedOnceMoreFailsEveryWindowUntilItCan() throws Exception {
        String model = overflowing();
        Path unet = Weights.find(folder.resolve("unet"));
        Path away = folder.resolve("away");
        ByteBuffer[] source = scene();
        try (Engine engine = new Engine(TinyOptions.of(model, "precision", "bf16"), host)) {
            Files.move(unet, away);
            for (int window = 0; window < 2; window++) {
                assertThrows(NoSuchFileException.class, () -> edited(engine, source));
            }
            Files.move(away, unet);
            edited(engine, source);
        }
    }

    @Test
    void brokenWeightsAreFoundAtTheFirstStep() throws Exception {
        String model = tiny("unet", Map.of("conv_in.bias", Map.of("0", Float.NaN)));
        ByteBuffer[] source = scene();
        try (Engine engine = new Engine(TinyOptions.of(model, "steps", "4"), host)) {
            String message = assertThrows(IllegalArgumentException.class, () -> edited(engine, source)).getMessage();
            assertTrue(message.startsWith("the latents inverted to level 1 of 4 are not finite in single precision: the weights of model="
                    + model), message);
            assertTrue(phases.stream().noneMatch(phase -> phase.equals("invert 1") || phase.startsWith("edit")), phases.toString());
        }
    }

    /** A word of the prompt that the source does not have. */
    @ParameterizedTest
    @ValueSource(strings = {"inversion", "reconstruction"})
    void soAreThoseThatOnlyTheEditReads(String attention) throws Exception {
        Model tiny = Models.acquire("tests/golden/tiny", "", Device.cpu(), DataType.FLOAT32, host);
        int token = tiny.tokenizer.encode("painting", 77).ids()[1];
        Models.release(tiny);
        String model = tiny("text_encoder", Map.of("text_model.embeddings.token_embedding.weight", Map.of(token + ", 0", Float.NaN)));
        ByteBuffer[] source = scene();
        Map<String, String> options =
                TinyOptions.of(model, "steps", "4", "attention", attention, "lora", "tests/golden/lora-kohya.safetensors");
        try (Engine engine = new Engine(options, host)) {
            String message = assertThrows(IllegalArgumentException.class, () -> edited(engine, source)).getMessage();
            assertTrue(message.startsWith("the latents edited to level 3 of 4 are not finite"), message);
            assertTrue(message.contains("lora=tests/golden/lora-kohya.safetensors"), message);
            assertTrue(phases.contains("edit 0") && !phases.contains("edit 1"), phases.toString());
        }
    }

    /** Rather than black frames and no error. */
    @ParameterizedTest
    @CsvSource({"decoder.conv_out.bias, the decoded frames", "encoder.conv_in.bias, the frames' latents"})
    void framesThatTheVaeBreaksAreNotPainted(String weights, String told) throws Exception {
        String model = tiny("vae", Map.of(weights, Map.of("0", Float.NaN)));
        ByteBuffer[] source = scene();
        byte[] before = bytes(source);
        try (Engine engine = new Engine(TinyOptions.of(model), host)) {
            int[] strides = {3 * SIDE, 3 * SIDE, 3 * SIDE};
            String message = assertThrows(IllegalArgumentException.class,
                    () -> engine.edit(source, strides, source, strides, SIDE, SIDE, 8)).getMessage();
            assertTrue(message.startsWith(told + " are not finite: the VAE's weights"), message);
            assertTrue(Arrays.equals(before, bytes(source)));
        }
    }

    @Test
    void theTextEncoderAndTheVaeAreInSinglePrecisionAtAllTimes() throws Exception {
        for (DataType precision : List.of(DataType.FLOAT16, DataType.BFLOAT16)) {
            Model model = Models.acquire("tests/golden/tiny", "", Device.cpu(), precision, host);
            try (NDManager window = model.manager.newSubManager()) {
                NDArray text = model.textEncoder.forward(window, new int[] {1, 2, 3});
                assertEquals(DataType.FLOAT32, text.getDataType());
                NDArray z = window.ones(new Shape(1, 4, 4, 4));
                Model single = Models.acquire("tests/golden/tiny", "", Device.cpu(), DataType.FLOAT32, host);
                try {
                    NDArray expected = single.vae.decode(z);
                    assertEquals(expected, model.vae.decode(z));
                } finally {
                    Models.release(single);
                }
            } finally {
                Models.release(model);
            }
        }
    }
}
