package org.fatezero.text;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.fatezero.nn.ClipTransformer;
import org.fatezero.nn.LayerNorm;
import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/** CLIP's text transformer: the last hidden state after the final layer norm. */
public final class TextEncoder {

    /** The sizes in {@code text_encoder/config.json}, by its own names. */
    public record Config(ClipTransformer.Config transformer, int vocabSize, int maxPositionEmbeddings) {

        /** What transformers takes for a size that a file leaves out: CLIP ViT-B/32's. */
        private static final ClipTransformer.Config FALLBACK = new ClipTransformer.Config(512, 2048, 12, 8, 1e-5, true);

        /** @throws IOException naming the key that no block here implements */
        public static Config read(ModelConfig config) throws IOException {
            return new Config(ClipTransformer.Config.read(config, FALLBACK), config.integer("vocab_size", 49408),
                    config.integer("max_position_embeddings", 77));
        }

        public int hiddenSize() {
            return transformer.hiddenSize();
        }
    }

    private final Config config;
    private final NDArray tokenEmbedding;    // (vocabulary, width)
    private final NDArray positionEmbedding; // (positions, width)
    private final Torch torch;
    private final ClipTransformer encoder;
    private final LayerNorm finalLayerNorm;

    /** @throws IOException if a tensor is missing, of another shape, or left over */
    public TextEncoder(Config config, Weights weights) throws IOException {
        this.config = config;
        Weights w = weights.at("text_model");
        torch = w.torch();
        w.ignore("embeddings.position_ids"); // 0, 1, 2 ...
        tokenEmbedding = w.get("embeddings.token_embedding.weight", config.vocabSize, config.hiddenSize());
        positionEmbedding = w.get("embeddings.position_embedding.weight", config.maxPositionEmbeddings, config.hiddenSize());
        encoder = new ClipTransformer(config.transformer, true, w.at("encoder"));
        finalLayerNorm = LayerNorm.read(w.at("final_layer_norm"), config.hiddenSize(), config.transformer.layerNormEps());
        weights.requireAllRead();
    }

    public Config config() {
        return config;
    }

    /**
     * @param ids token ids of one prompt, at most {@code maxPositionEmbeddings}, each below {@code vocabSize}
     * @return {@code (1, ids.length, hiddenSize)}, owned by {@code manager}
     */
    public synchronized NDArray forward(NDManager manager, int[] ids) { // the embeddings go into a scope and back
        for (int id : ids) {
            if (id < 0 || id >= config.vocabSize) {
                throw new IllegalArgumentException("token " + id + " is outside the text encoder's vocabulary of "
                        + config.vocabSize + "; tokenizer and text_encoder belong to different models");
            }
        }
        try (Scope scope = new Scope(manager, tokenEmbedding, positionEmbedding)) {
            NDArray x = torch.rows(tokenEmbedding, ids).add(positionEmbedding.get("0:{}", ids.length)).expandDims(0);
            return scope.keep(finalLayerNorm.forward(encoder.forward(x)));
        }
    }
}
