package org.fatezero.clip;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;

import org.fatezero.Clips;
import org.fatezero.Golden;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.video.Frame;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Against transformers' CLIPModel; its text encoder has the quick GELU, its vision encoder the exact one. */
class ClipTest {

    private static final Path MODEL = Path.of("tests/golden/clip");

    @TempDir
    private Path folder;

    @Test
    void framesBecomeTheReferenceVectors() throws Exception {
        try (Golden golden = new Golden("measures.safetensors"); Clip clip = new Clip(MODEL)) {
            assertClose(golden, "image.edited", clip.images(Clips.frames(golden, "edited")));
            assertClose(golden, "image.tall", clip.images(List.of(new Frame(37, 61, golden.bytes("tall")))));
        }
    }

    @Test
    void textsBecomeTheReferenceVectors() throws Exception {
        try (Golden golden = new Golden("measures.safetensors"); Clip clip = new Clip(MODEL);
                SafeTensors file = new SafeTensors(Golden.FOLDER.resolve("measures.safetensors"))) {
            String[] prompts = file.metadata().get("prompts").split("\n", -1); // one is empty, one longer than 77 tokens
            float[][] vectors = new float[prompts.length][];
            for (int i = 0; i < prompts.length; i++) {
                vectors[i] = clip.text(clip.encode(prompts[i]));
            }
            assertClose(golden, "text", vectors);
        }
    }

    private static void assertClose(Golden golden, String name, float[][] vectors) throws IOException {
        float[] flat = new float[vectors.length * vectors[0].length];
        for (int i = 0; i < flat.length; i++) {
            flat[i] = vectors[i / vectors[0].length][i % vectors[0].length];
        }
        NDArray actual = golden.manager.create(flat, new Shape(vectors.length, vectors[0].length));
        Golden.assertClose(golden.array(name), actual, 1e-5, name);
    }

    @Test
    void whatIsNoClipModelIsNamed() throws Exception {
        assertTrue(failure().startsWith(folder + ": no *.safetensors weights there"), failure());
        Path index = Files.createFile(folder.resolve("model.safetensors.index.json"));
        assertTrue(failure().startsWith(index + ": the weights are in several files"), failure());
        copy();
        Files.delete(folder.resolve("preprocessor_config.json"));
        assertEquals(folder + "/preprocessor_config.json: not found; a CLIP model in the transformers layout has it", failure());
        copy();
        Files.writeString(folder.resolve("config.json"), "{\"model_type\": \"siglip\"}");
        assertEquals(folder + "/config.json: model_type is \"siglip\", expected clip", failure());
        copy();
        String config = Files.readString(folder.resolve("config.json"));
        Files.writeString(folder.resolve("config.json"), config.replace("\"image_size\": 32", "\"image_size\": 64"));
        assertEquals(folder + "/preprocessor_config.json: crop_size is {\"height\":32,\"width\":32}, expected 64, "
                + "the image_size in config.json", failure());
        copy();
        Files.writeString(folder.resolve("config.json"), config.replace("\"hidden_size\": 24", "\"hidden_size\": 30"));
        assertTrue(failure().contains("tensor vision_model.embeddings.class_embedding has shape [24], expected [30]"), failure());
        copy();
        Files.delete(folder.resolve("vocab.json"));
        assertTrue(failure().contains("vocab.json: not found"), failure());
    }

    private void copy() throws IOException {
        try (Stream<Path> files = Files.list(MODEL)) {
            for (Path file : files.toList()) {
                Files.write(folder.resolve(file.getFileName()), Files.readAllBytes(file));
            }
        }
    }

    private String failure() {
        return assertThrows(IOException.class, () -> new Clip(folder)).getMessage();
    }
}
