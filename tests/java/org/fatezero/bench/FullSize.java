package org.fatezero.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.TensorWriter;
import org.fatezero.text.TextEncoder;
import org.fatezero.unet.UNetConfig;
import org.fatezero.vae.Vae;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A model of Stable Diffusion 1.4's sizes with random weights in half precision: costs what the real one does. */
final class FullSize {

    /** Its published sizes; what is not told is the engine's default. */
    private static final Map<String, String> CONFIGURATIONS = Map.of(
            "unet/config.json", """
                    {"block_out_channels": [320, 640, 1280, 1280], "cross_attention_dim": 768, "attention_head_dim": 8,
                     "layers_per_block": 2, "sample_size": 64, "act_fn": "silu", "mid_block_type": "UNetMidBlock2DCrossAttn",
                     "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
                     "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]}
                    """,
            "vae/config.json", """
                    {"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2, "latent_channels": 4, "act_fn": "silu"}
                    """,
            "text_encoder/config.json", """
                    {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
                     "vocab_size": 49408, "max_position_embeddings": 77, "hidden_act": "quick_gelu"}
                    """,
            "scheduler/scheduler_config.json", """
                    {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000,
                     "set_alpha_to_one": false, "steps_offset": 1}
                    """);

    private FullSize() {
    }

    static void writeConfigurations(Path folder) throws IOException {
        for (Map.Entry<String, String> file : CONFIGURATIONS.entrySet()) {
            Path path = folder.resolve(file.getKey());
            Files.createDirectories(path.getParent());
            Files.writeString(path, file.getValue());
        }
    }

    /** Writes the model, 2 GB, unless it is there. @param tokenizer a folder whose tokenizer it borrows */
    static void write(Path folder, Path tokenizer) throws IOException {
        if (Files.exists(folder.resolve("unet/diffusion_pytorch_model.safetensors"))) {
            return;
        }
        writeConfigurations(folder);
        Files.createDirectories(folder.resolve("tokenizer"));
        try (var files = Files.list(tokenizer)) {
            for (Path file : files.toList()) {
                Files.copy(file, folder.resolve("tokenizer").resolve(file.getFileName()), StandardCopyOption.REPLACE_EXISTING);
            }
        }
        TextEncoder.Config text = TextEncoder.Config.read(new ModelConfig(folder.resolve("text_encoder/config.json")));
        write(folder.resolve("text_encoder/model.safetensors"), List.of(Layers.text(text)));
        Vae.Config vae = Vae.Config.read(new ModelConfig(folder.resolve("vae/config.json")));
        int[] pixels = {8, 8};
        write(folder.resolve("vae/diffusion_pytorch_model.safetensors"), List.of(Layers.encoder(vae, pixels), Layers.decoder(vae, pixels)));
        UNetConfig unet = UNetConfig.read(new ModelConfig(folder.resolve("unet/config.json")));
        write(folder.resolve("unet/diffusion_pytorch_model.safetensors"), List.of(Layers.unet(unet, pixels, 1, 1, 1)));
    }

    private static void write(Path file, List<Layers> networks) throws IOException {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Map<String, NDArray> tensors = new LinkedHashMap<>();
            for (Layers network : networks) {
                for (Layers.Layer layer : network.layers) {
                    tensors.put(layer.name() + ".weight", weight(manager, new Shape(layer.weight())));
                    if (layer.bias()) {
                        tensors.put(layer.name() + ".bias", manager.zeros(new Shape(layer.weight()[0]), DataType.FLOAT16));
                    }
                }
            }
            TensorWriter.write(file, tensors, Map.of());
        }
    }

    /** Random, of a size that keeps activations near one; norms do nothing. */
    private static NDArray weight(NDManager manager, Shape shape) {
        if (shape.dimension() == 1) {
            return manager.ones(shape, DataType.FLOAT16);
        }
        float deviation = (float) (0.5 / Math.sqrt(shape.size() / (double) shape.get(0)));
        try (NDArray normal = manager.randomNormal(0, deviation, shape, DataType.FLOAT32)) {
            return normal.toType(DataType.FLOAT16, false);
        }
    }
}
