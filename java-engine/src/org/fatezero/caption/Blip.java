package org.fatezero.caption;

import ai.djl.Device;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.video.ImageProcessor;
import org.fatezero.device.Memory;
import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.io.TextFile;
import org.fatezero.io.TokenizerFile;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;
import org.fatezero.video.Frame;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * A BLIP captioning model (Li et al. 2022, "BLIP: Bootstrapping Language-Image Pre-training") in the transformers layout:
 * {@code config.json}, {@code model.safetensors}, {@code preprocessor_config.json} and {@code tokenizer.json}.
 */
public final class Blip implements Captioner {

    static final String NAME = "a BLIP model";
    static final int BEAMS = 3;       // as in the authors' demonstration
    static final int MAX_LENGTH = 20; // tokens, as transformers takes by itself

    private final NDManager manager;
    private final ImageProcessor processor;
    private final HuggingFaceTokenizer tokenizer;
    private final BlipText.Config textConfig;
    private final BlipVision vision;
    private final BlipText text;

    /** @throws IOException if a file is missing, or does not hold what a BLIP captioning model does */
    public Blip(Path folder) throws IOException {
        ModelConfig config = ModelConfig.ofTransformers(folder.resolve("config.json"), NAME);
        config.require("model_type", "blip");
        BlipVision.Config visionConfig = BlipVision.Config.read(config.at("vision_config"));
        textConfig = BlipText.Config.read(config.at("text_config"), visionConfig.hiddenSize());
        processor = ImageProcessor.read(ModelConfig.ofTransformers(folder.resolve("preprocessor_config.json"), NAME));
        tokenizer = tokenizer(folder.resolve("tokenizer.json"));
        manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
        try (SafeTensors file = new SafeTensors(Weights.find(folder))) {
            Weights weights = Weights.of(file, manager, DataType.FLOAT32, new Torch(manager));
            vision = new BlipVision(visionConfig, weights.at("vision_model"));
            text = new BlipText(textConfig, weights.at("text_decoder"));
            weights.requireAllRead();
        } catch (IOException | RuntimeException | Error e) {
            close();
            throw e;
        }
        manager.cap();
    }

    private static HuggingFaceTokenizer tokenizer(Path file) throws IOException {
        String json = TokenizerFile.wordPiece(file, NAME + " in the transformers layout has it").toString();
        try {
            return HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8)), Map.of());
        } catch (RuntimeException e) {
            throw new IOException(file + ": not a tokenizer: " + TextFile.reason(e), e);
        }
    }

    @Override
    public String caption(Frame frame) {
        long[] ids = Arrays.stream(tokens(frame, BEAMS)).asLongStream().toArray();
        return tokenizer.decode(ids, true).strip();
    }

    /** The caption's tokens, without those that begin and end it. */
    int[] tokens(Frame frame, int beams) {
        try (NDManager temporary = manager.newSubManager()) {
            BlipText.Picture picture = picture(frame, temporary);
            return new BeamSearch(beams, MAX_LENGTH, textConfig.sepTokenId()).run(textConfig.bosTokenId(), text.of(picture)::next);
        }
    }

    @Override
    public double[] logProbabilities(Frame frame, List<String> captions) {
        try (NDManager temporary = manager.newSubManager()) {
            BlipText.Picture picture = picture(frame, temporary);
            return captions.stream().mapToDouble(caption -> text.of(picture).logProbability(ids(caption))).toArray();
        }
    }

    /** Those of a whole text, with what begins and ends it. */
    private int[] ids(String caption) {
        IntStream words = LongStream.of(tokenizer.encode(caption, false, false).getIds()).mapToInt(id -> (int) id)
                .limit(textConfig.maxPositionEmbeddings() - 2);
        IntStream begun = IntStream.concat(IntStream.of(textConfig.bosTokenId()), words);
        return IntStream.concat(begun, IntStream.of(textConfig.sepTokenId())).toArray();
    }

    private BlipText.Picture picture(Frame frame, NDManager owner) {
        int side = processor.crop();
        FloatBuffer samples = FloatBuffer.allocate(3 * side * side);
        processor.write(frame, samples);
        return text.read(vision.forward(owner.create(samples.array(), new Shape(1, 3, side, side))));
    }

    @Override
    public void close() {
        tokenizer.close();
        manager.close();
        Memory.giveBack();  // a gigabyte, of which a window can make use
    }
}
