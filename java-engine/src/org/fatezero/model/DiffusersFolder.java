package org.fatezero.model;

import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.Weights;
import org.fatezero.text.TextEncoder;
import org.fatezero.unet.UNetConfig;
import org.fatezero.vae.Vae;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The diffusers layout: {@code tokenizer/ text_encoder/ vae/ unet/ scheduler/}, each with its configuration. */
final class DiffusersFolder implements Checkpoint {

    private final Path folder;
    private final Map<Part, SafeTensors> files = new EnumMap<>(Part.class);

    /** @throws IOException if a part's weights are missing or unreadable */
    DiffusersFolder(Path folder) throws IOException {
        this.folder = folder;
        if (!Files.isDirectory(folder.resolve("unet"))) {
            throw new NoSuchFileException("model=" + folder + ": has no folder unet; a Stable Diffusion 1.x "
                    + "folder in the diffusers layout is expected");
        }
        try {
            for (Part part : Part.values()) {
                files.put(part, new SafeTensors(Weights.find(folder.resolve(part.folder()))));
            }
        } catch (IOException | RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /** All files that such a model can be read from. */
    static List<Path> files(Path folder) throws IOException {
        List<Path> files = new ArrayList<>();
        for (String part : List.of("tokenizer", "text_encoder", "vae", "unet", "scheduler")) {
            if (Files.isDirectory(folder.resolve(part))) {
                try (Stream<Path> within = Files.list(folder.resolve(part))) {
                    files.addAll(within.filter(Files::isRegularFile).sorted().toList());
                }
            }
        }
        return files;
    }

    @Override
    public TextEncoder.Config textEncoder() throws IOException {
        return TextEncoder.Config.read(new ModelConfig(config(Part.TEXT_ENCODER)));
    }

    @Override
    public Vae.Config vae() throws IOException {
        return Vae.Config.read(new ModelConfig(config(Part.VAE)));
    }

    @Override
    public UNetConfig unet() throws IOException {
        return UNetConfig.read(new ModelConfig(config(Part.UNET)));
    }

    @Override
    public ModelConfig scheduler() throws IOException {
        return new ModelConfig(schedulerConfig());
    }

    @Override
    public Path tokenizer() {
        return folder.resolve("tokenizer");
    }

    @Override
    public SafeTensors file(Part part) {
        return files.get(part);
    }

    @Override
    public Map<String, SafeTensors.Entry> tensors(Part part) {
        return file(part).entries();
    }

    @Override
    public void digest(MessageDigest digest) throws IOException {
        for (Part part : Part.values()) {
            digest.update(Files.readAllBytes(config(part)));
            file(part).digest(digest);
        }
        digest.update(Files.readAllBytes(schedulerConfig()));
    }

    private Path config(Part part) {
        return folder.resolve(part.folder()).resolve("config.json");
    }

    private Path schedulerConfig() {
        return folder.resolve("scheduler").resolve("scheduler_config.json");
    }

    @Override
    public void close() throws IOException {
        for (SafeTensors file : files.values()) {
            file.close();
        }
    }
}
