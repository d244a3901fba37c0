package org.fatezero.clip;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;

import org.fatezero.nn.ClipTransformer;
import org.fatezero.nn.Conv2d;
import org.fatezero.nn.LayerNorm;
import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/** CLIP's vision transformer (Dosovitskiy et al. 2021, Radford et al. 2021): patches and a class token, whose state is the result. */
final class VisionEncoder {

    /** The sizes in {@code vision_config}, by its own names. */
    record Config(ClipTransformer.Config transformer, int imageSize, int patchSize) {

        /** What transformers takes for a size that a file leaves out: CLIP ViT-B/32's. */
        private static final ClipTransformer.Config FALLBACK = new ClipTransformer.Config(768, 3072, 12, 12, 1e-5, true);

        /** @throws IOException naming the key that no block here implements */
        static Config read(ModelConfig config) throws IOException {
            if (config.integer("num_channels", 3) != 3) {
                throw config.wrong("num_channels", "3");
            }
            Config read = new Config(ClipTransformer.Config.read(config, FALLBACK), config.integer("image_size", 224),
                    config.integer("patch_size", 32));
            if (read.patchSize == 0 || read.imageSize % read.patchSize != 0 || read.imageSize > 4096) {
                throw config.wrong("image_size", "a multiple of patch_size up to 4096");
            }
            return read;
        }

        int patches() {
            return (imageSize / patchSize) * (imageSize / patchSize);
        }
    }

    private final Torch torch;
    private final NDArray classEmbedding;    // (width)
    private final Conv2d patchEmbedding;
    private final NDArray positionEmbedding; // (1 + patches, width), the class token's first
    private final LayerNorm preLayerNorm;
    private final ClipTransformer encoder;
    private final LayerNorm postLayerNorm;

    /** @throws IOException if a tensor is missing or of another shape */
    VisionEncoder(Config config, Weights weights) throws IOException {
        Weights w = weights.at("vision_model");
        int width = config.transformer.hiddenSize();
        double eps = config.transformer.layerNormEps();
        torch = w.torch();
        w.ignore("embeddings.position_ids"); // 0, 1, 2 ...
        classEmbedding = w.get("embeddings.class_embedding", width);
        NDArray patch = w.get("embeddings.patch_embedding.weight", width, 3, config.patchSize, config.patchSize);
        NDArray noBias = patch.getManager().zeros(new Shape(width), patch.getDataType());
        patchEmbedding = new Conv2d(torch, patch, noBias, config.patchSize, 0);
        positionEmbedding = w.get("embeddings.position_embedding.weight", 1 + config.patches(), width);
        preLayerNorm = LayerNorm.read(w.at("pre_layrnorm"), width, eps); // the checkpoints' spelling
        encoder = new ClipTransformer(config.transformer, false, w.at("encoder"));
        postLayerNorm = LayerNorm.read(w.at("post_layernorm"), width, eps);
    }

    /**
     * @param pixels {@code (n, 3, imageSize, imageSize)}, normalised
     * @return the class token's state, {@code (n, width)}
     */
    NDArray forward(NDArray pixels) {
        try (Scope scope = new Scope(pixels, classEmbedding, positionEmbedding)) {
            long n = pixels.getShape().get(0);
            long width = classEmbedding.getShape().get(0);
            NDArray patches = patchEmbedding.forward(pixels).reshape(n, width, -1).transpose(0, 2, 1); // (n, patches, width)
            NDArray first = classEmbedding.reshape(1, 1, width).broadcast(n, 1, width);
            NDArray x = preLayerNorm.forward(first.concat(patches, 1).add(positionEmbedding));
            return scope.keep(postLayerNorm.forward(encoder.forward(x).get(":, 0")));
        }
    }
}
