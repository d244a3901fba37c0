package org.fatezero.caption;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParser;

import org.fatezero.Golden;
import org.fatezero.video.ImageProcessor;
import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.video.Frame;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Against transformers' BlipForConditionalGeneration. */
class BlipTest {

    private static final Path MODEL = Golden.FOLDER.resolve("blip");
    private static final int FRAMES = 3;

    @Test
    void statesAndLogitsAreTheReferences() throws IOException {
        assertStates(MODEL, Golden.FOLDER.resolve("blip.safetensors"));
    }

    /** {@code tests/golden/blip.py --full DIR; mvn test -Dtest=BlipTest -Dblip=DIR} */
    @Test
    @EnabledIfSystemProperty(named = "blip", matches = ".+")
    void soTheyAreOfTheFullSize() throws IOException {
        Path folder = Path.of(System.getProperty("blip"));
        Path numbers = Path.of(folder + ".safetensors");
        assertStates(folder, numbers);
        assertTokens(folder, numbers, 1);
        assertTokens(folder, numbers, 3);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 5})
    void tokensAreTheReferences(int beams) throws IOException {
        assertTokens(MODEL, Golden.FOLDER.resolve("blip.safetensors"), beams);
    }

    @Test
    void tokensBecomeWords() throws IOException {
        try (Golden golden = new Golden("blip.safetensors"); Blip blip = new Blip(MODEL);
                SafeTensors file = new SafeTensors(Golden.FOLDER.resolve("blip.safetensors"))) {
            String[] captions = new Gson().fromJson(file.metadata().get("captions"), String[].class);
            for (int i = 0; i < FRAMES; i++) {
                assertEquals(captions[3 * i + 1], blip.caption(frame(golden, i)), "with the beams that it takes by itself");
            }
        }
    }

    @Test
    void aTokenizerOfAnotherKindIsRefused(@TempDir Path folder) throws IOException {
        for (String name : List.of("config.json", "model.safetensors", "preprocessor_config.json")) {
            Files.copy(MODEL.resolve(name), folder.resolve(name));
        }
        String own = Files.readString(MODEL.resolve("tokenizer.json"));
        String other = new GsonBuilder().serializeNulls().create().toJson(JsonParser.parseString(own))
                .replace("\"type\":\"WordPiece\",\"unk", "\"type\":\"BPE\",\"unk");
        assertTrue(other.contains("BPE"));
        Files.writeString(folder.resolve("tokenizer.json"), other);
        String message = assertThrows(IOException.class, () -> new Blip(folder).close()).getMessage();
        assertTrue(message.contains("tokenizer.json") && message.contains("of the type \"BPE\""), message);
    }

    /** By the same words as it would say, one after another. */
    @Test
    void captionsAreJudged() throws IOException {
        try (Golden golden = new Golden("blip.safetensors"); Blip blip = new Blip(MODEL)) {
            Frame frame = frame(golden, 0);
            String own = blip.caption(frame);
            double[] p = blip.logProbabilities(frame, List.of(own, "the red jeep on the road", own + " jeep"));
            assertTrue(p[0] > p[1], Arrays.toString(p));
            assertTrue(p[0] > p[2], Arrays.toString(p));
            BlipVision.Config vision = BlipVision.Config.read(config(MODEL).at("vision_config"));
            BlipText.Config text = BlipText.Config.read(config(MODEL).at("text_config"), vision.hiddenSize());
            BlipText tongue = new BlipText(text, golden.weights(MODEL, ".").at("text_decoder"));
            BlipText.Picture picture = tongue.read(golden.array("0.image"));
            int[] ids = {text.bosTokenId(), 5, 8, 13, 7};
            double expected = 0;
            for (int i = 1; i < ids.length; i++) {
                float[] logits = tongue.of(picture).next(new int[][] {Arrays.copyOf(ids, i)})[0];
                double sum = 0;
                for (float logit : logits) {
                    sum += Math.exp(logit);
                }
                expected += logits[ids[i]] - Math.log(sum);
            }
            assertEquals(expected, tongue.of(picture).logProbability(ids), 1e-4);
        }
    }

    @Test
    void aFolderOfAnotherModelIsToldSo(@TempDir Path folder) throws IOException {
        IOException missing = assertThrows(IOException.class, () -> new Blip(folder));
        assertTrue(missing.getMessage().contains("config.json"), missing.getMessage());
        Files.writeString(folder.resolve("config.json"), "{\"model_type\": \"clip\"}");
        IOException other = assertThrows(IOException.class, () -> new Blip(folder));
        assertTrue(other.getMessage().contains("model_type is \"clip\", expected blip"), other.getMessage());
    }

    @Test
    void aMissingTensorIsNamed(@TempDir Path folder) throws IOException {
        try (Stream<Path> files = Files.list(MODEL)) {
            for (Path file : files.toList()) {
                Files.copy(file, folder.resolve(file.getFileName()));
            }
        }
        Path config = folder.resolve("config.json");
        Files.writeString(config, Files.readString(config).replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"));
        IOException missing = assertThrows(IOException.class, () -> new Blip(folder));
        assertTrue(missing.getMessage().contains("vision_model.encoder.layers.2"), missing.getMessage());
    }

    private static void assertStates(Path folder, Path numbers) throws IOException {
        try (Golden golden = new Golden(numbers)) {
            BlipVision.Config vision = BlipVision.Config.read(config(folder).at("vision_config"));
            BlipText.Config text = BlipText.Config.read(config(folder).at("text_config"), vision.hiddenSize());
            BlipVision eyes = new BlipVision(vision, golden.weights(folder, ".").at("vision_model"));
            BlipText tongue = new BlipText(text, golden.weights(folder, ".").at("text_decoder"));
            ImageProcessor processor = ImageProcessor.read(new ModelConfig(folder.resolve("preprocessor_config.json")));
            for (int i = 0; i < FRAMES; i++) {
                int side = vision.imageSize();
                FloatBuffer samples = FloatBuffer.allocate(3 * side * side);
                processor.write(frame(golden, i), samples);
                NDArray image = eyes.forward(golden.manager.create(samples.array(), new Shape(1, 3, side, side)));
                Golden.assertClose(golden.array(i + ".image"), image, 1e-5, "states of picture " + i);
                int[] flat = golden.integers(i + ".ids");
                int[][] ids = {Arrays.copyOfRange(flat, 0, 4), Arrays.copyOfRange(flat, 4, 8)};
                float[][] logits = tongue.of(tongue.read(image)).next(ids);
                NDArray expected = golden.array(i + ".logits");
                NDArray actual = golden.manager.create(new float[][] {logits[0], logits[1]});
                Golden.assertClose(expected, actual, 1e-5, "logits of picture " + i);
            }
        }
    }

    private static void assertTokens(Path folder, Path numbers, int beams) throws IOException {
        try (Golden golden = new Golden(numbers); Blip blip = new Blip(folder)) {
            for (int i = 0; i < FRAMES; i++) {
                assertArrayEquals(golden.integers(i + ".beams" + beams), blip.tokens(frame(golden, i), beams), "picture " + i);
            }
        }
    }

    private static ModelConfig config(Path folder) throws IOException {
        return new ModelConfig(folder.resolve("config.json"));
    }

    private static Frame frame(Golden golden, int i) throws IOException {
        int[] size = golden.integers(i + ".size");
        return new Frame(size[1], size[0], golden.bytes(i + ".frame"));
    }
}
