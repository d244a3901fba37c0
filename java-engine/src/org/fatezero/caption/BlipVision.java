package org.fatezero.caption;

import ai.djl.ndarray.NDArray;

import org.fatezero.nn.Conv2d;
import org.fatezero.nn.LayerNorm;
import org.fatezero.nn.Linear;
import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** BLIP's vision transformer (Li et al. 2022): patches and a class token, all of whose states are the result. */
final class BlipVision {

    /** The sizes in {@code vision_config}, by its own names; what a file leaves out is as in transformers. */
    record Config(int hiddenSize, int intermediateSize, int numHiddenLayers, int numAttentionHeads, int imageSize, int patchSize,
            double layerNormEps) {

        /** @throws IOException naming the key that no block here implements */
        static Config read(ModelConfig config) throws IOException {
            config.require("hidden_act", "gelu");
            Config read = new Config(config.integer("hidden_size", 768), config.integer("intermediate_size", 3072),
                    config.integer("num_hidden_layers", 12), config.integer("num_attention_heads", 12),
                    config.integer("image_size", 384), config.integer("patch_size", 16), config.number("layer_norm_eps", 1e-5));
            if (read.numAttentionHeads == 0 || read.hiddenSize % read.numAttentionHeads != 0) {
                throw config.wrong("hidden_size", "a multiple of num_attention_heads");
            }
            if (read.patchSize == 0 || read.imageSize % read.patchSize != 0 || read.imageSize > 4096) {
                throw config.wrong("image_size", "a multiple of patch_size up to 4096");
            }
            return read;
        }

        int patches() {
            return (imageSize / patchSize) * (imageSize / patchSize);
        }
    }

    private final NDArray classEmbedding;    // (1, 1, width)
    private final Conv2d patchEmbedding;
    private final NDArray positionEmbedding; // (1, 1 + patches, width), the class token's first
    private final List<Layer> layers = new ArrayList<>();
    private final LayerNorm postLayerNorm;

    /** @throws IOException if a tensor is missing or of another shape */
    BlipVision(Config config, Weights w) throws IOException {
        int width = config.hiddenSize;
        classEmbedding = w.get("embeddings.class_embedding", 1, 1, width);
        patchEmbedding = Conv2d.read(w.at("embeddings.patch_embedding"), 3, width, config.patchSize, config.patchSize, 0);
        positionEmbedding = w.get("embeddings.position_embedding", 1, 1 + config.patches(), width);
        for (int i = 0; i < config.numHiddenLayers; i++) {
            layers.add(new Layer(config, w.at("encoder.layers." + i)));
        }
        postLayerNorm = LayerNorm.read(w.at("post_layernorm"), width, config.layerNormEps);
    }

    /**
     * @param pixels {@code (1, 3, imageSize, imageSize)}, normalised
     * @return {@code (1, 1 + patches, width)}
     */
    NDArray forward(NDArray pixels) {
        try (Scope scope = new Scope(pixels, classEmbedding, positionEmbedding)) {
            long width = classEmbedding.getShape().get(2);
            NDArray patches = patchEmbedding.forward(pixels).reshape(1, width, -1).transpose(0, 2, 1); // (1, patches, width)
            NDArray x = classEmbedding.concat(patches, 1).add(positionEmbedding);
            for (Layer layer : layers) {
                x = layer.forward(x);
            }
            return scope.keep(postLayerNorm.forward(x));
        }
    }

    private static final class Layer {
        private final Torch torch;
        private final int heads;
        private final LayerNorm layerNorm1;
        private final Linear qkv;           // queries, keys and values in one matrix
        private final Linear projection;
        private final LayerNorm layerNorm2;
        private final Linear fc1;
        private final Linear fc2;

        Layer(Config config, Weights w) throws IOException {
            torch = w.torch();
            heads = config.numAttentionHeads;
            int width = config.hiddenSize;
            layerNorm1 = LayerNorm.read(w.at("layer_norm1"), width, config.layerNormEps);
            qkv = Linear.read(w.at("self_attn.qkv"), width, 3 * width);
            projection = Linear.read(w.at("self_attn.projection"), width, width);
            layerNorm2 = LayerNorm.read(w.at("layer_norm2"), width, config.layerNormEps);
            fc1 = Linear.read(w.at("mlp.fc1"), width, config.intermediateSize);
            fc2 = Linear.read(w.at("mlp.fc2"), config.intermediateSize, width);
        }

        NDArray forward(NDArray x) {
            long tokens = x.getShape().get(1);
            NDArray all = qkv.forward(layerNorm1.forward(x)).reshape(1, tokens, 3, heads, -1); // (1, tokens, 3, heads, d)
            NDArray attended = torch.attention(all.get(":, :, 0"), all.get(":, :, 1"), all.get(":, :, 2"));
            NDArray y = torch.addTo(projection.forward(attended), x);
            return torch.addTo(fc2.forward(torch.gelu(fc1.forward(layerNorm2.forward(y)))), y);
        }
    }
}
