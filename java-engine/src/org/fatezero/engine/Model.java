package org.fatezero.engine;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;

import org.fatezero.tensor.ModelConfig;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;
import org.fatezero.text.TextEncoder;
import org.fatezero.text.Tokenizer;
import org.fatezero.unet.UNet;
import org.fatezero.vae.Vae;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;

/**
 * A Stable Diffusion 1.x model in memory, from its folder in the diffusers layout: {@code tokenizer/ text_encoder/ vae/
 * unet/ scheduler/}. Immutable once loaded, and shared by all engines that name it.
 */
final class Model implements AutoCloseable {

    final NDManager manager;
    final DataType precision;
    final Torch torch;
    final Tokenizer tokenizer;
    final TextEncoder textEncoder;
    final Vae vae;
    final UNet unet;
    final ModelConfig scheduler;
    final String digest; // of its configurations, and of samples of its weights

    /** @throws IOException if a file is missing or does not hold what a model of this kind does */
    Model(Path folder, Device device, DataType precision) throws IOException {
        if (!Files.isDirectory(folder.resolve("unet"))) {
            throw new java.nio.file.NoSuchFileException("model=" + folder + ": has no folder unet; a Stable Diffusion 1.x "
                    + "folder in the diffusers layout is expected");
        }
        manager = NDManager.newBaseManager(device, "PyTorch");
        this.precision = precision;
        MessageDigest sampled = Inversions.sha256();
        Tokenizer opened = null;
        try {
            torch = new Torch(manager);
            scheduler = new ModelConfig(folder.resolve("scheduler").resolve("scheduler_config.json"));
            UNet.Config unetConfig = UNet.Config.read(config(folder, "unet"));
            Vae.Config vaeConfig = Vae.Config.read(config(folder, "vae"));
            TextEncoder.Config textConfig = TextEncoder.Config.read(config(folder, "text_encoder"));
            if (unetConfig.crossAttentionDim() != textConfig.hiddenSize()
                    || unetConfig.inChannels() != vaeConfig.latentChannels()
                    || unetConfig.outChannels() != vaeConfig.latentChannels()) {
                throw new IOException(folder + ": unet, vae and text_encoder do not fit each other: the UNet reads texts of "
                        + unetConfig.crossAttentionDim() + " and latents of " + unetConfig.inChannels() + ", the others give "
                        + textConfig.hiddenSize() + " and " + vaeConfig.latentChannels());
            }
            opened = new Tokenizer(folder.resolve("tokenizer"));
            tokenizer = opened;
            try (SafeTensors file = open(folder, "text_encoder")) {
                textEncoder = new TextEncoder(textConfig, weights(file));
                sample(folder, "text_encoder", file, sampled);
            }
            try (SafeTensors file = open(folder, "vae")) {
                vae = new Vae(vaeConfig, weights(file));
                sample(folder, "vae", file, sampled);
            }
            try (SafeTensors file = open(folder, "unet")) {
                unet = new UNet(unetConfig, weights(file));
                sample(folder, "unet", file, sampled);
            }
            sampled.update(Files.readAllBytes(folder.resolve("scheduler").resolve("scheduler_config.json")));
            digest = HexFormat.of().formatHex(sampled.digest());
        } catch (IOException | RuntimeException | Error e) {
            if (opened != null) {
                opened.close();
            }
            manager.close();
            throw e;
        }
        manager.cap(); // whatever is made from now on belongs to a window
    }

    private Weights weights(SafeTensors file) {
        return Weights.of(file, manager, precision, torch);
    }

    private static void sample(Path folder, String part, SafeTensors file, MessageDigest digest) throws IOException {
        digest.update(Files.readAllBytes(folder.resolve(part).resolve("config.json")));
        file.sample(digest);
    }

    private static ModelConfig config(Path folder, String part) throws IOException {
        return new ModelConfig(folder.resolve(part).resolve("config.json"));
    }

    private static SafeTensors open(Path folder, String part) throws IOException {
        return new SafeTensors(Weights.find(folder.resolve(part)));
    }

    /** Pixels that both sides of a frame must be a multiple of. */
    int pixelMultiple() {
        return vae.config().factor();
    }

    /** The side of the frames it was trained on, in pixels. */
    int nativeSize() {
        return unet.config().sampleSize() * vae.config().factor();
    }

    @Override
    public void close() {
        tokenizer.close();
        manager.close();
    }
}
