package org.fatezero.caption;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.nn.LayerNorm;
import org.fatezero.nn.Linear;
import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** BLIP's text decoder (Li et al. 2022): a BERT whose tokens see none after themselves, and the picture. */
final class BlipText {

    /** The sizes in {@code text_config}, by its own names; what a file leaves out is as in transformers. */
    record Config(int vocabSize, int hiddenSize, int encoderHiddenSize, int intermediateSize, int numHiddenLayers, int numAttentionHeads,
            int maxPositionEmbeddings, double layerNormEps, int bosTokenId, int sepTokenId) {

        /** @throws IOException naming the key that no block here implements */
        static Config read(ModelConfig config, int encoderHiddenSize) throws IOException {
            config.require("hidden_act", "gelu");
            config.require("position_embedding_type", "absolute");
            Config read = new Config(config.integer("vocab_size", 30524), config.integer("hidden_size", 768), encoderHiddenSize,
                    config.integer("intermediate_size", 3072), config.integer("num_hidden_layers", 12),
                    config.integer("num_attention_heads", 8), config.integer("max_position_embeddings", 512),
                    config.number("layer_norm_eps", 1e-12), config.integer("bos_token_id", 30522), config.integer("sep_token_id", 102));
            if (read.numAttentionHeads == 0 || read.hiddenSize % read.numAttentionHeads != 0) {
                throw config.wrong("hidden_size", "a multiple of num_attention_heads");
            }
            if (Math.max(read.bosTokenId, read.sepTokenId) >= read.vocabSize) {
                throw config.wrong("vocab_size", "more than bos_token_id and sep_token_id");
            }
            return read;
        }
    }

    /** The picture as each layer's cross-attention reads it. @param keys as {@code values}: {@code (1, tokens, heads, d)} */
    record Picture(List<NDArray> keys, List<NDArray> values) {

        NDManager manager() {
            return keys.get(0).getManager();
        }
    }

    private final Torch torch;
    private final NDArray wordEmbeddings;     // (words, width)
    private final NDArray positionEmbeddings; // (positions, width)
    private final LayerNorm embeddingNorm;
    private final List<Layer> layers = new ArrayList<>();
    private final Linear transform;
    private final LayerNorm transformNorm;
    private final Linear head;

    /** @throws IOException if a tensor is missing or of another shape */
    BlipText(Config config, Weights w) throws IOException {
        torch = w.torch();
        int width = config.hiddenSize;
        Weights embeddings = w.at("bert.embeddings");
        embeddings.ignore("position_ids"); // 0, 1, 2 ...
        wordEmbeddings = embeddings.get("word_embeddings.weight", config.vocabSize, width);
        positionEmbeddings = embeddings.get("position_embeddings.weight", config.maxPositionEmbeddings, width);
        embeddingNorm = LayerNorm.read(embeddings.at("LayerNorm"), width, config.layerNormEps);
        for (int i = 0; i < config.numHiddenLayers; i++) {
            layers.add(new Layer(config, w.at("bert.encoder.layer." + i)));
        }
        Weights predictions = w.at("cls.predictions");
        transform = Linear.read(predictions.at("transform.dense"), width, width);
        transformNorm = LayerNorm.read(predictions.at("transform.LayerNorm"), width, config.layerNormEps);
        // a file of a model whose head and embeddings are one matrix holds it once, and the bias may have two names
        NDArray matrix = predictions.has("decoder.weight") ? predictions.get("decoder.weight", config.vocabSize, width) : wordEmbeddings;
        NDArray bias = predictions.get(predictions.has("bias") ? "bias" : "decoder.bias", config.vocabSize);
        predictions.ignore("decoder.bias");
        head = new Linear(torch, matrix, bias);
    }

    /** @param image states of the vision transformer, {@code (1, tokens, width)}, whose manager owns the result */
    Picture read(NDArray image) {
        return new Picture(layers.stream().map(layer -> layer.cross.keys(image)).toList(),
                layers.stream().map(layer -> layer.cross.values(image)).toList());
    }

    /** Texts of a picture, which may grow word by word. */
    Texts of(Picture picture) {
        return new Texts(picture);
    }

    /** Some texts of equal length. Where each is one of those before and a word more, only that word is read. */
    final class Texts {

        private final Picture picture;
        private int[][] read = {};
        private NDManager manager;                                 // of the keys and values; null before the first texts
        private final NDArray[] keys = new NDArray[layers.size()]; // of each layer, (texts, tokens, heads, d)
        private final NDArray[] values = new NDArray[layers.size()];

        private Texts(Picture picture) {
            this.picture = picture;
        }

        /**
         * What may come after each text.
         *
         * @param ids {@code [text][token]}
         * @return logits of every word, {@code [text][word]}
         */
        float[][] next(int[][] ids) {
            try (Scope scope = new Scope(picture.manager(), wordEmbeddings, positionEmbeddings)) {
                float[] flat = logits(states(ids).get(":, -1")).toFloatArray(); // of (texts, width)
                float[][] logits = new float[ids.length][];
                Arrays.setAll(logits, i -> Arrays.copyOfRange(flat, i * flat.length / ids.length, (i + 1) * flat.length / ids.length));
                return logits;
            }
        }

        /** The log probability of a text's tokens, each after those before it; the first is given. */
        double logProbability(int[] ids) {
            try (Scope scope = new Scope(picture.manager(), wordEmbeddings, positionEmbeddings)) {
                NDArray logits = logits(states(new int[][] {ids}).get(0)); // (tokens, words)
                int words = (int) logits.getShape().get(1);
                float[] flat = logits.logSoftmax(1).toFloatArray();
                return IntStream.range(1, ids.length).mapToDouble(i -> flat[(i - 1) * words + ids[i]]).sum();
            }
        }

        /** Of the words that were not read before, {@code (texts, tokens, width)}. */
        private NDArray states(int[][] ids) {
            int[] beginnings = beginnings(ids);
            int known = beginnings.length > 0 ? ids[0].length - 1 : 0;
            NDManager before = manager;
            manager = picture.manager().newSubManager();
            NDArray x = embedded(ids, known);
            for (int i = 0; i < keys.length; i++) {
                Layer layer = layers.get(i);
                keys[i] = joined(keys[i], beginnings, layer.own.keys(x));
                values[i] = joined(values[i], beginnings, layer.own.values(x));
                x = layer.forward(x, keys[i], values[i], known == 0, picture.keys.get(i), picture.values.get(i));
            }
            if (before != null) {
                before.close();
            }
            read = ids;
            return x;
        }

        /** For each text the one read before that it goes on from by a word; empty if there is a text without. */
        private int[] beginnings(int[][] ids) {
            int[] found = Stream.of(ids).mapToInt(text -> {
                int[] start = Arrays.copyOf(text, text.length - 1);
                return IntStream.range(0, read.length).filter(i -> Arrays.equals(read[i], start)).findFirst().orElse(-1);
            }).toArray();
            return IntStream.of(found).anyMatch(i -> i < 0) ? new int[0] : found;
        }

        /** Rows of {@code before}, and {@code more} tokens after them: {@code (texts, tokens, heads, d)}. */
        private NDArray joined(NDArray before, int[] rows, NDArray more) {
            NDArray joined = rows.length == 0 ? more : torch.rows(before, rows).concat(more, 1);
            joined.attach(manager);
            return joined;
        }
    }

    /** Tokens from {@code first} on, {@code (texts, tokens, width)}. */
    private NDArray embedded(int[][] ids, int first) {
        int length = ids[0].length;
        NDArray words = torch.rows(wordEmbeddings, Stream.of(ids).flatMapToInt(text -> IntStream.of(text).skip(first)).toArray());
        NDArray x = words.reshape(ids.length, length - first, words.getShape().get(1));
        return embeddingNorm.forward(x.add(positionEmbeddings.get("{}:{}", first, length).expandDims(0)));
    }

    private NDArray logits(NDArray states) {
        return head.forward(transformNorm.forward(torch.gelu(transform.forward(states))));
    }

    private static final class Layer {
        private final Torch torch;
        private final Attention own;
        private final Attention cross;
        private final Linear intermediate;
        private final Linear output;
        private final LayerNorm outputNorm;

        Layer(Config config, Weights w) throws IOException {
            torch = w.torch();
            int width = config.hiddenSize;
            own = new Attention(config, width, w.at("attention"));
            cross = new Attention(config, config.encoderHiddenSize, w.at("crossattention"));
            intermediate = Linear.read(w.at("intermediate.dense"), width, config.intermediateSize);
            output = Linear.read(w.at("output.dense"), config.intermediateSize, width);
            outputNorm = LayerNorm.read(w.at("output.LayerNorm"), width, config.layerNormEps);
        }

        /**
         * @param x {@code (texts, tokens, width)}
         * @param keys of all tokens so far, {@code (texts, tokens, heads, d)}, as are {@code values}
         * @param whole whether {@code x} is of all tokens, and not of the last alone
         * @param ofPicture keys, {@code (1, tokens, heads, d)}, as are {@code valuesOfPicture}
         */
        NDArray forward(NDArray x, NDArray keys, NDArray values, boolean whole, NDArray ofPicture, NDArray valuesOfPicture) {
            NDArray q = own.queries(x);
            NDArray y = own.after(x, whole ? torch.causalAttention(q, keys, values) : torch.attention(q, keys, values));
            Shape shape = ofPicture.getShape();
            Shape each = new Shape(x.getShape().get(0), shape.get(1), shape.get(2), shape.get(3));
            y = cross.after(y, torch.attention(cross.queries(y), ofPicture.broadcast(each), valuesOfPicture.broadcast(each)));
            return outputNorm.forward(torch.addTo(output.forward(torch.gelu(intermediate.forward(y))), y));
        }
    }

    /** Attention of the text, to itself or to a picture, and what comes after it. */
    private static final class Attention {
        private final Torch torch;
        private final int heads;
        private final Linear query;
        private final Linear key;
        private final Linear value;
        private final Linear dense;
        private final LayerNorm norm;

        /** @param read width of what is attended to */
        Attention(Config config, int read, Weights w) throws IOException {
            torch = w.torch();
            heads = config.numAttentionHeads;
            query = Linear.read(w.at("self.query"), config.hiddenSize, config.hiddenSize);
            key = Linear.read(w.at("self.key"), read, config.hiddenSize);
            value = Linear.read(w.at("self.value"), read, config.hiddenSize);
            dense = Linear.read(w.at("output.dense"), config.hiddenSize, config.hiddenSize);
            norm = LayerNorm.read(w.at("output.LayerNorm"), config.hiddenSize, config.layerNormEps);
        }

        NDArray queries(NDArray x) {
            return split(query.forward(x));
        }

        NDArray keys(NDArray x) {
            return split(key.forward(x));
        }

        NDArray values(NDArray x) {
            return split(value.forward(x));
        }

        /** {@code (n, tokens, heads, d)} */
        private NDArray split(NDArray x) {
            return x.reshape(x.getShape().get(0), x.getShape().get(1), heads, -1);
        }

        NDArray after(NDArray x, NDArray attended) {
            return norm.forward(torch.addTo(dense.forward(attended), x));
        }
    }
}
