package org.fatezero.clip;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.nn.Linear;
import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;
import org.fatezero.text.Prompt;
import org.fatezero.text.TextEncoder;
import org.fatezero.text.Tokenizer;
import org.fatezero.video.Frame;
import org.fatezero.video.ImageProcessor;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A CLIP model (Radford et al. 2021) in the transformers layout: {@code config.json}, {@code model.safetensors},
 * {@code preprocessor_config.json}, and {@code tokenizer.json} or {@code vocab.json} and {@code merges.txt}.
 */
public final class Clip implements AutoCloseable {

    private static final String NAME = "a CLIP model";

    private final NDManager manager;
    private final Tokenizer tokenizer;
    private final TextEncoder textEncoder;
    private final Linear textProjection;
    private final ImageProcessor processor;
    private final VisionEncoder visionEncoder;
    private final Linear visualProjection;

    /** @throws IOException if a file is missing, or does not hold what a CLIP model does */
    public Clip(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new NoSuchFileException(folder + ": no such folder; a CLIP model in the transformers layout is expected");
        }
        manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
        try (SafeTensors file = new SafeTensors(Weights.find(folder))) {
            ModelConfig config = ModelConfig.ofTransformers(folder.resolve("config.json"), NAME);
            config.require("model_type", "clip");
            TextEncoder.Config text = TextEncoder.Config.read(config.at("text_config"));
            VisionEncoder.Config vision = VisionEncoder.Config.read(config.at("vision_config"));
            int width = config.integer("projection_dim", 512);
            ModelConfig preparation = ModelConfig.ofTransformers(folder.resolve("preprocessor_config.json"), NAME);
            processor = ImageProcessor.read(preparation);
            if (processor.crop() != vision.imageSize()) {
                throw preparation.wrong("crop_size", vision.imageSize() + ", the image_size in config.json");
            }
            Torch torch = new Torch(manager);
            textEncoder = new TextEncoder(text, weights(file, true, torch));
            Weights rest = weights(file, false, torch);
            visionEncoder = new VisionEncoder(vision, rest);
            textProjection = Linear.readWithoutBias(rest.at("text_projection"), text.hiddenSize(), width);
            visualProjection = Linear.readWithoutBias(rest.at("visual_projection"), vision.transformer().hiddenSize(), width);
            rest.ignore("logit_scale"); // scales both of two similarities
            rest.requireAllRead();
            tokenizer = new Tokenizer(folder);
        } catch (IOException | RuntimeException | Error e) {
            manager.close();
            throw e;
        }
        manager.cap();
    }

    private Weights weights(SafeTensors file, boolean text, Torch torch) {
        Map<String, SafeTensors.Entry> part = new LinkedHashMap<>();
        file.entries().forEach((name, entry) -> {
            if (name.startsWith("text_model.") == text) {
                part.put(name, entry);
            }
        });
        return Weights.of(file, part, Weights.Adapter.NONE, manager, DataType.FLOAT32, torch);
    }

    /** The tokens of a text, as many as the model takes. */
    public Prompt encode(String text) {
        return tokenizer.encode(text, textEncoder.config().maxPositionEmbeddings());
    }

    /** The vector of a text, not normalised. */
    public float[] text(Prompt prompt) {
        try (NDManager temporary = manager.newSubManager()) {
            NDArray states = textEncoder.forward(temporary, prompt.ids()); // (1, tokens, width)
            return textProjection.forward(states.get("0, {}", prompt.pieces().size() + 1)).toFloatArray(); // at the first end token
        }
    }

    /**
     * The vectors of frames, not normalised.
     *
     * @param frames at least one; their pixels are in memory at once
     */
    public float[][] images(List<Frame> frames) {
        int side = processor.crop();
        FloatBuffer samples = FloatBuffer.allocate(frames.size() * 3 * side * side);
        frames.forEach(frame -> processor.write(frame, samples));
        try (NDManager temporary = manager.newSubManager()) {
            NDArray pixels = temporary.create(samples.array(), new Shape(frames.size(), 3, side, side));
            float[] flat = visualProjection.forward(visionEncoder.forward(pixels)).toFloatArray();
            int width = flat.length / frames.size();
            float[][] vectors = new float[frames.size()][];
            Arrays.setAll(vectors, i -> Arrays.copyOfRange(flat, i * width, (i + 1) * width));
            return vectors;
        }
    }

    @Override
    public void close() {
        tokenizer.close();
        manager.close();
    }
}
