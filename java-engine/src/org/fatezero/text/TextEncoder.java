package org.fatezero.text;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.fatezero.nn.LayerNorm;
import org.fatezero.nn.Linear;
import org.fatezero.tensor.ModelConfig;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** CLIP's text transformer: the last hidden state after the final layer norm. */
public final class TextEncoder {

    /** The sizes in {@code text_encoder/config.json}, by its own names. */
    public record Config(int hiddenSize, int intermediateSize, int numHiddenLayers, int numAttentionHeads, int vocabSize,
            int maxPositionEmbeddings, double layerNormEps, boolean quickGelu) {

        /** @throws IOException naming the key that no block here implements */
        public static Config read(ModelConfig config) throws IOException {
            config.require("hidden_act", "quick_gelu", "gelu");
            Config read = new Config(config.integer("hidden_size", 768), config.integer("intermediate_size", 3072),
                    config.integer("num_hidden_layers", 12), config.integer("num_attention_heads", 12),
                    config.integer("vocab_size", 49408), config.integer("max_position_embeddings", 77),
                    config.number("layer_norm_eps", 1e-5), config.text("hidden_act", "quick_gelu").equals("quick_gelu"));
            if (read.numAttentionHeads == 0 || read.hiddenSize % read.numAttentionHeads != 0) {
                throw config.wrong("hidden_size", "a multiple of num_attention_heads");
            }
            return read;
        }
    }

    private final Config config;
    private final NDArray tokenEmbedding;    // (vocabulary, width)
    private final NDArray positionEmbedding; // (positions, width)
    private final Torch torch;
    private final List<Layer> layers = new ArrayList<>();
    private final LayerNorm finalLayerNorm;

    /** @throws IOException if a tensor is missing, of another shape, or left over */
    public TextEncoder(Config config, Weights weights) throws IOException {
        this.config = config;
        Weights w = weights.at("text_model");
        torch = w.torch();
        w.ignore("embeddings.position_ids"); // 0, 1, 2 ...
        tokenEmbedding = w.get("embeddings.token_embedding.weight", config.vocabSize, config.hiddenSize);
        positionEmbedding = w.get("embeddings.position_embedding.weight", config.maxPositionEmbeddings, config.hiddenSize);
        for (int i = 0; i < config.numHiddenLayers; i++) {
            layers.add(new Layer(w.at("encoder.layers." + i), config));
        }
        finalLayerNorm = LayerNorm.read(w.at("final_layer_norm"), config.hiddenSize, config.layerNormEps);
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
        try (NDArray positions = manager.zeros(positionEmbedding.getShape(), positionEmbedding.getDataType());
                Scope scope = new Scope(positions, tokenEmbedding, positionEmbedding)) {
            NDArray x = torch.rows(tokenEmbedding, ids).add(positionEmbedding.get("0:{}", ids.length)).expandDims(0);
            for (Layer layer : layers) {
                x = layer.forward(x);
            }
            return scope.keep(finalLayerNorm.forward(x));
        }
    }

    /** One causal transformer layer. */
    private final class Layer {
        private final LayerNorm layerNorm1;
        private final Linear qProj;
        private final Linear kProj;
        private final Linear vProj;
        private final Linear outProj;
        private final LayerNorm layerNorm2;
        private final Linear fc1;
        private final Linear fc2;

        Layer(Weights w, Config config) throws IOException {
            int width = config.hiddenSize;
            layerNorm1 = LayerNorm.read(w.at("layer_norm1"), width, config.layerNormEps);
            qProj = Linear.read(w.at("self_attn.q_proj"), width, width);
            kProj = Linear.read(w.at("self_attn.k_proj"), width, width);
            vProj = Linear.read(w.at("self_attn.v_proj"), width, width);
            outProj = Linear.read(w.at("self_attn.out_proj"), width, width);
            layerNorm2 = LayerNorm.read(w.at("layer_norm2"), width, config.layerNormEps);
            fc1 = Linear.read(w.at("mlp.fc1"), width, config.intermediateSize);
            fc2 = Linear.read(w.at("mlp.fc2"), config.intermediateSize, width);
        }

        /** @param x {@code (1, tokens, width)} */
        NDArray forward(NDArray x) {
            NDArray h = layerNorm1.forward(x);
            NDArray attended = torch.causalAttention(heads(qProj.forward(h)), heads(kProj.forward(h)),
                    heads(vProj.forward(h)));
            NDArray y = torch.addTo(outProj.forward(attended), x);
            h = fc1.forward(layerNorm2.forward(y));
            h = config.quickGelu ? torch.quickGelu(h) : torch.gelu(h);
            return torch.addTo(fc2.forward(h), y);
        }

        private NDArray heads(NDArray x) {
            return x.reshape(1, -1, config.numAttentionHeads, config.hiddenSize / config.numAttentionHeads);
        }
    }
}
