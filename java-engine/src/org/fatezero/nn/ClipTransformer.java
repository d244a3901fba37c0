package org.fatezero.nn;

import ai.djl.ndarray.NDArray;

import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** The layers that CLIP's text and vision encoders have in common; in the text's, a token sees none after itself. */
public final class ClipTransformer {

    /** Sizes, by the names in {@code config.json}. */
    public record Config(int hiddenSize, int intermediateSize, int numHiddenLayers, int numAttentionHeads, double layerNormEps,
            boolean quickGelu) {

        /**
         * @param fallback for what {@code config} leaves out
         * @throws IOException naming the key that no layer here implements
         */
        public static Config read(ModelConfig config, Config fallback) throws IOException {
            config.require("hidden_act", "quick_gelu", "gelu");
            Config read = new Config(config.integer("hidden_size", fallback.hiddenSize),
                    config.integer("intermediate_size", fallback.intermediateSize),
                    config.integer("num_hidden_layers", fallback.numHiddenLayers),
                    config.integer("num_attention_heads", fallback.numAttentionHeads),
                    config.number("layer_norm_eps", fallback.layerNormEps),
                    config.text("hidden_act", "quick_gelu").equals("quick_gelu"));
            if (read.numAttentionHeads == 0 || read.hiddenSize % read.numAttentionHeads != 0) {
                throw config.wrong("hidden_size", "a multiple of num_attention_heads");
            }
            return read;
        }
    }

    private final List<Layer> layers = new ArrayList<>();

    /** @throws IOException if a tensor is missing or of another shape */
    public ClipTransformer(Config config, boolean causal, Weights w) throws IOException {
        for (int i = 0; i < config.numHiddenLayers; i++) {
            layers.add(new Layer(w.at("layers." + i), config, causal));
        }
    }

    /** @param x {@code (n, tokens, width)}; in the scope of the caller */
    public NDArray forward(NDArray x) {
        NDArray y = x;
        for (Layer layer : layers) {
            y = layer.forward(y);
        }
        return y;
    }

    private static final class Layer {
        private final Torch torch;
        private final Config config;
        private final boolean causal;
        private final LayerNorm layerNorm1;
        private final Linear qProj;
        private final Linear kProj;
        private final Linear vProj;
        private final Linear outProj;
        private final LayerNorm layerNorm2;
        private final Linear fc1;
        private final Linear fc2;

        Layer(Weights w, Config config, boolean causal) throws IOException {
            torch = w.torch();
            this.config = config;
            this.causal = causal;
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

        NDArray forward(NDArray x) {
            NDArray h = layerNorm1.forward(x);
            NDArray q = heads(qProj.forward(h));
            NDArray k = heads(kProj.forward(h));
            NDArray v = heads(vProj.forward(h));
            NDArray attended = causal ? torch.causalAttention(q, k, v) : torch.attention(q, k, v);
            NDArray y = torch.addTo(outProj.forward(attended), x);
            h = fc1.forward(layerNorm2.forward(y));
            h = config.quickGelu ? torch.quickGelu(h) : torch.gelu(h);
            return torch.addTo(fc2.forward(h), y);
        }

        /** {@code (n, tokens, heads, d)} */
        private NDArray heads(NDArray x) {
            return x.reshape(x.getShape().get(0), -1, config.numAttentionHeads, config.hiddenSize / config.numAttentionHeads);
        }
    }
}
