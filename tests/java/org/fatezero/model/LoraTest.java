package org.fatezero.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.Golden;
import org.fatezero.TinyOptions;
import org.fatezero.engine.Host;
import org.fatezero.forward.ForwardContext;
import org.fatezero.tensor.TensorWriter;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The tiny model with adaptations, against diffusers. */
class LoraTest {

    private static final String TINY = Golden.TINY.toString();

    @TempDir
    private Path folder;

    private final List<String> warnings = new ArrayList<>();
    private final Host host = new TinyOptions.Silent() {
        @Override
        public void log(int level, String message) {
            warnings.add(message);
        }
    };

    private Model open(String lora) throws IOException {
        return Models.acquire(TINY, lora, Device.cpu(), DataType.FLOAT32, host);
    }

    private Path write(Object... namesAndShapes) throws IOException {
        Path file = folder.resolve("lora.safetensors");
        try (Golden golden = new Golden("lora.safetensors")) {
            Map<String, NDArray> tensors = new LinkedHashMap<>();
            for (int i = 0; i < namesAndShapes.length; i += 2) {
                tensors.put((String) namesAndShapes[i], golden.manager.ones((Shape) namesAndShapes[i + 1]));
            }
            TensorWriter.write(file, tensors, Map.of());
        }
        return file;
    }

    @ParameterizedTest
    @ValueSource(strings = {"lora-kohya.safetensors:0.7", "lora-diffusers.safetensors:0.7",
        "lora-kohya.safetensors:0.3+tests/golden/lora-diffusers.safetensors:0.4",
        "lora-kohya.safetensors:1.7+tests/golden/lora-kohya.safetensors:-1"})
    void itMovesTheModelAsItDoesInDiffusers(String lora) throws Exception {
        Model model = open(Golden.FOLDER + "/" + lora);
        try (Golden golden = new Golden("modules.safetensors"); Golden expected = new Golden("lora.safetensors")) {
            int[] ids = model.tokenizer.encode("a silver jeep driving down a curvy road in the countryside", 77).ids();
            NDArray text = model.textEncoder.forward(golden.manager, ids);
            Golden.assertClose(expected.array("text"), text, 1e-5, "text");
            NDArray latents = golden.array("unet.wide.latents");
            Golden.assertClose(expected.array("unet"), model.unet.forward(latents, 1, text, ForwardContext.plain(2)), 1e-5, "unet");
            assertEquals(List.of(), warnings);
        } finally {
            Models.release(model);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "FLOAT16", "BFLOAT16"})
    void mergingLeavesNoArraysBehind(DataType precision) throws Exception {
        Model plain = Models.acquire(TINY, "", Device.cpu(), precision, host);
        Model adapted = Models.acquire(TINY, Golden.FOLDER + "/lora-kohya.safetensors", Device.cpu(), precision, host);
        try {
            assertEquals(plain.manager.getManagedArrays().size(), adapted.manager.getManagedArrays().size());
        } finally {
            Models.release(plain);
            Models.release(adapted);
        }
    }

    @Test
    void whatHasNoPlaceInTheModelIsToldOnce() throws Exception {
        Path file = write("lora_unet_mid_block_attentions_0_proj_in.lora_down.weight", new Shape(2, 16, 1, 1),
                "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight", new Shape(16, 2, 1, 1),
                "lora_unet_mid_block_attentions_9_proj_in.lora_down.weight", new Shape(2, 16),
                "lora_unet_mid_block_attentions_9_proj_in.lora_up.weight", new Shape(16, 2), "something.else", new Shape(1));
        Models.release(open(file.toString()));
        assertEquals(1, warnings.size(), warnings.toString());
        assertTrue(warnings.get(0).contains("2 of its tensors"), warnings.get(0));
    }

    /** In half precision a merge has copies in single precision, which must not stay. */
    @Test
    void itLeavesNothingBehindInTheModel() throws Exception {
        int[] arrays = new int[2];
        for (String lora : List.of("", Golden.FOLDER + "/lora-kohya.safetensors")) {
            Model model = Models.acquire(TINY, lora, Device.cpu(), DataType.FLOAT16, host);
            arrays[lora.isEmpty() ? 0 : 1] = model.manager.getManagedArrays().size();
            Models.release(model);
        }
        assertEquals(arrays[0], arrays[1]);
    }

    @Test
    void plusSignsMayBeInAFilesName() throws Exception {
        Path plus = Files.copy(Golden.FOLDER.resolve("lora-kohya.safetensors"), folder.resolve("a+b+c.safetensors"));
        Path second = Files.copy(plus, folder.resolve("d.safetensors"));
        for (String option : List.of(plus.toString(), plus + ":0.5", plus + ":0.5+" + second, second + "+" + plus + ":-1")) {
            Models.release(open(option));
        }
        String told = assertThrows(NoSuchFileException.class, () -> open(second + "+" + folder.resolve("e+f.safetensors"))).getMessage();
        assertTrue(told.contains("no file " + folder.resolve("e") + ";"), told);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "0", "0,16", "8589934592,0"})
    void aRankThatIsNoneIsAnError(String down) throws Exception {
        Shape shape = new Shape(down.isEmpty() ? new long[0] : Arrays.stream(down.split(",")).mapToLong(Long::parseLong).toArray());
        Path file = write("lora_unet_mid_block_attentions_0_proj_in.lora_down.weight", shape,
                "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight", new Shape(16, 0));
        String told = assertThrows(IOException.class, () -> open(file.toString())).getMessage();
        assertTrue(told.contains("expected (rank, inputs) of a rank from 1"), told);
    }

    @Test
    void aFileThatIsWrittenAnewIsLoadedAnew() throws Exception {
        Path file = Files.copy(Golden.FOLDER.resolve("lora-kohya.safetensors"), folder.resolve("lora.safetensors"));
        Model first = open(file.toString());
        Models.release(first);
        Files.copy(Golden.FOLDER.resolve("lora-diffusers.safetensors"), file, StandardCopyOption.REPLACE_EXISTING);
        Model second = open(file.toString());
        Models.release(second);
        assertNotSame(first, second);
    }

    @Test
    void whatDoesNotFitIsAnError() throws Exception {
        Path wide = write("lora_unet_mid_block_attentions_0_proj_in.lora_down.weight", new Shape(2, 320),
                "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight", new Shape(16, 2));
        String told = assertThrows(IOException.class, () -> open(wide.toString())).getMessage();
        assertTrue(told.contains("[2, 320]") && told.contains("mid_block.attentions.0.proj_in.weight [16, 16, 1, 1]"), told);
        Path elsewhere = write("lora_unet_other.lora_down.weight", new Shape(2, 16), "lora_unet_other.lora_up.weight", new Shape(16, 2));
        assertTrue(assertThrows(IOException.class, () -> open(elsewhere.toString())).getMessage().contains("none of its 1 modules"));
        Path none = write("model.weight", new Shape(2));
        assertTrue(assertThrows(IOException.class, () -> open(none.toString())).getMessage().contains("holds no LoRA"));
        assertThrows(NoSuchFileException.class, () -> open(folder.resolve("missing.safetensors") + ":0.5"));
    }

    /**
     * What a LoRA of ones adds to each weight of one matrix, and with it what is said of its alpha:
     * each element of the product is r alpha / r.
     */
    private float added(Map<String, String> notes, Object... tensors) throws Exception {
        Path file = folder.resolve("lora.safetensors");
        try (Golden golden = new Golden("lora.safetensors")) {
            Map<String, NDArray> written = new LinkedHashMap<>();
            for (int i = 0; i < tensors.length; i += 2) {
                NDArray value = tensors[i + 1] instanceof Shape shape
                        ? golden.manager.ones(shape) : golden.manager.create((float) tensors[i + 1]);
                written.put((String) tensors[i], value);
            }
            TensorWriter.write(file, written, notes);
            return added(golden, file);
        }
    }

    private static float added(Golden golden, Path file) throws IOException {
        try (Lora lora = new Lora(file, 1)) {
            return lora.adapt("unet", "mid_block.attentions.0.proj_in.weight", golden.manager.zeros(new Shape(16, 16))).toFloatArray()[0];
        }
    }

    private static final String MODULE = "mid_block.attentions.0.proj_in.";

    @Test
    void theUnetsOwnNamesMayStandAlone() throws Exception {
        for (String prefix : List.of("unet.", "", "base_model.model.")) {
            float added = added(Map.of(), prefix + MODULE + "lora_A.weight", new Shape(2, 16),
                    prefix + MODULE + "lora_B.weight", new Shape(16, 2));
            assertEquals(2, added, 1e-6, prefix);
        }
    }

    /** A convolution in three factors (LyCORIS): {@code delta[i, j, k, l] = sum over n, m of up[i, n] mid[n, m, k, l] down[m, j]}. */
    @Test
    void aConvolutionMayHaveAFactorBetween() throws Exception {
        String flat = "lora_unet_down_blocks_0_resnets_0_conv1.lora_";
        int out = 3;
        int in = 2;
        int rank = 2;
        int taps = 9;
        try (Golden golden = new Golden("lora.safetensors")) {
            NDArray up = golden.manager.arange(1, 1 + out * rank).toType(DataType.FLOAT32, true).reshape(out, rank, 1, 1);
            NDArray mid = golden.manager.arange(rank * rank * taps).toType(DataType.FLOAT32, true).reshape(rank, rank, 3, 3);
            NDArray down = golden.manager.arange(7, 7 + rank * in).toType(DataType.FLOAT32, true).reshape(rank, in, 1, 1);
            Path file = folder.resolve("lora.safetensors");
            TensorWriter.write(file, Map.of(flat + "up.weight", up, flat + "mid.weight", mid, flat + "down.weight", down), Map.of());
            float[] u = up.toFloatArray();
            float[] t = mid.toFloatArray();
            float[] d = down.toFloatArray();
            float[] expected = new float[out * in * taps];
            for (int i = 0; i < expected.length; i++) {
                for (int n = 0; n < rank; n++) {
                    for (int m = 0; m < rank; m++) {
                        int k = i % taps;
                        expected[i] += u[i / taps / in * rank + n] * t[(n * rank + m) * taps + k] * d[m * in + i / taps % in];
                    }
                }
            }
            String name = "down_blocks.0.resnets.0.conv1.weight";
            try (Lora lora = new Lora(file, 1)) {
                NDArray adapted = lora.adapt("unet", name, golden.manager.zeros(new Shape(out, in, 3, 3)));
                assertArrayEquals(expected, adapted.toFloatArray(), 1e-3f);
                assertThrows(IOException.class, () -> lora.adapt("unet", name, golden.manager.zeros(new Shape(out, in, 1, 1))));
            }
        }
    }

    /** Diffusers of 2023 wrote the text encoder's layers by the UNet's names. */
    @ParameterizedTest
    @CsvSource({"to_q, q_proj", "to_k, k_proj", "to_v, v_proj", "to_out, out_proj"})
    void theTextEncodersLayersMayHaveTheUnetsNames(String written, String own) throws Exception {
        String layer = "text_model.encoder.layers.0.self_attn.";
        Path file = write("text_encoder." + layer + written + "_lora.down.weight", new Shape(2, 16),
                "text_encoder." + layer + written + "_lora.up.weight", new Shape(16, 2));
        try (Golden golden = new Golden("lora.safetensors"); Lora lora = new Lora(file, 1)) {
            NDArray adapted = lora.adapt("text_encoder", layer + own + ".weight", golden.manager.zeros(new Shape(16, 16)));
            assertEquals(2, adapted.toFloatArray()[0], 1e-6);
        }
    }

    /** Without its magnitudes it would be another adaptation. */
    @ParameterizedTest
    @ValueSource(strings = {"lora_unet_mid_block_attentions_0_proj_in.dora_scale",
        "unet.mid_block.attentions.0.proj_in.lora_magnitude_vector"})
    void aDoraIsRefused(String magnitude) {
        String told = assertThrows(IOException.class, () -> added(Map.of(), "unet." + MODULE + "lora_A.weight", new Shape(2, 16),
                "unet." + MODULE + "lora_B.weight", new Shape(16, 2), magnitude, new Shape(16, 1))).getMessage();
        assertTrue(told.contains(magnitude + ", so it is a DoRA"), told);
    }

    @Test
    void alphaMayBeNoted() throws Exception {
        Object[] tensors = {"unet." + MODULE + "lora_A.weight", new Shape(4, 16), "unet." + MODULE + "lora_B.weight", new Shape(16, 4)};
        assertEquals(4, added(Map.of(), tensors), 1e-6);
        assertEquals(8, added(Map.of("lora_adapter_metadata", "{\"unet.r\": 4, \"unet.lora_alpha\": 8}"), tensors), 1e-6);
        assertEquals(16, added(Map.of("lora_adapter_metadata", "{\"unet.lora_alpha\": 8, \"unet.use_rslora\": true}"), tensors), 1e-6);
        assertEquals(3, added(Map.of("lora_adapter_metadata",
                "{\"unet.lora_alpha\": 8, \"unet.alpha_pattern\": {\"mid_block.attentions.0.proj_in\": 3}}"), tensors), 1e-6);
        assertEquals(5, added(Map.of("lora_adapter_metadata",
                "{\"unet.lora_alpha\": 8, \"unet.alpha_pattern\": {\"proj_in\": 5}}"), tensors), 1e-6);
        String told = assertThrows(IOException.class, () -> added(Map.of("lora_adapter_metadata", "what?"), tensors)).getMessage();
        assertTrue(told.contains("not a JSON object"), told);
    }

    @Test
    void peftNotesAlphaBesideTheFile() throws Exception {
        String name = "base_model.model." + MODULE;
        Object[] tensors = {name + "lora_A.weight", new Shape(4, 16), name + "lora_B.weight", new Shape(16, 4)};
        Files.writeString(folder.resolve("adapter_config.json"), "{\"r\": 4, \"lora_alpha\": 8}");
        assertEquals(8, added(Map.of(), tensors), 1e-6);
    }

    /** As kohya's scripts merge them. */
    @ParameterizedTest
    @CsvSource({"I64, 8", "I32, 4", "F32, 4", "F64, 8"})
    void alphaMayBeAnyNumber(String type, int bytes) throws Exception {
        String flat = "lora_unet_mid_block_attentions_0_proj_in.";
        Path file = write(flat + "lora_down.weight", new Shape(2, 16), flat + "lora_up.weight", new Shape(16, 2),
                flat + "alpha", new Shape(1));
        byte[] content = Files.readAllBytes(file);
        ByteBuffer before = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
        int length = (int) before.getLong();
        String header = new String(content, 8, length, StandardCharsets.UTF_8).replaceAll("\"__metadata__\":\\{[^}]*},", "")
                .replaceAll("(alpha\":\\{\"dtype\":)\"F32\"(.*\\[(\\d+),)\\d+", "$1\"" + type + "\"$2" + (256 + bytes));
        ByteBuffer after = ByteBuffer.allocate(8 + header.length() + 256 + bytes).order(ByteOrder.LITTLE_ENDIAN);
        after.putLong(header.length()).put(header.getBytes(StandardCharsets.UTF_8));
        after.put(content, 8 + length, 256);
        switch (type) {
            case "I64" -> after.putLong(6);
            case "I32" -> after.putInt(6);
            case "F64" -> after.putDouble(6);
            default -> after.putFloat(6);
        }
        Files.write(file, after.array());
        try (Golden golden = new Golden("lora.safetensors")) {
            assertEquals(6, added(golden, file), 1e-6);
        }
    }
}
