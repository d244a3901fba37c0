package org.fatezero.caption;

import org.fatezero.io.Log;
import org.fatezero.io.ModelConfig;
import org.fatezero.model.ModelFolder;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Finds the captioner that describes clips for a model. Nothing is ever downloaded. */
public final class Captioners {

    /** Captioners of the hub, the better one first. */
    private static final List<String> HUB = List.of("Salesforce/blip-image-captioning-large", "Salesforce/blip-image-captioning-base");

    /** The folder of a model's own captioner, inside its own. */
    private static final String OWN = "captioner";

    private Captioners() {
    }

    /**
     * @param captioner {@code auto} for the model's own or else a BLIP in the local hub cache; a folder, or a name in that cache
     * @param model the option {@code model}
     * @param log is told of a BLIP in the cache that cannot be read, as an interrupted download leaves it
     * @return none if there is none for {@code auto}
     * @throws IOException if what is named is missing, or no captioner that can be read here
     */
    public static Optional<Captioner> open(String captioner, String model, Log log) throws IOException {
        if (!captioner.equals("auto")) {
            return Optional.of(read(folder(captioner)));
        }
        if (!model.endsWith(".safetensors")) {
            try (ModelFolder folder = ModelFolder.find(model)) {
                Path own = folder.path().resolve(OWN);
                if (Files.isDirectory(own)) {
                    return Optional.of(read(own));
                }
            }
        }
        for (String name : HUB) {
            Optional<Path> snapshot = ModelFolder.snapshot(name);
            if (snapshot.isPresent()) {
                try {
                    return Optional.of(read(snapshot.get()));
                } catch (IOException | RuntimeException e) {
                    log.log(Log.WARNING, "captioner=auto passes over " + name + ": " + e.getMessage());
                }
            }
        }
        return Optional.empty();
    }

    private static Path folder(String captioner) throws IOException {
        Optional<Path> cached = captioner.matches("[\\w.-]+/[\\w.-]+") ? ModelFolder.snapshot(captioner) : Optional.empty();
        Path folder = cached.orElse(Path.of(captioner));
        if (!Files.isDirectory(folder)) {
            throw new NoSuchFileException("captioner=" + captioner
                    + ": not found; expected auto, a BLIP model's folder in the transformers layout, or its name in the local hub cache");
        }
        return folder;
    }

    /** What to tell a user whose model has no captioner. */
    public static String missing(String model) {
        return "no captioner for model " + model
                + ": download one once, hf download Salesforce/blip-image-captioning-base, or name a folder with captioner=";
    }

    private static Captioner read(Path folder) throws IOException {
        ModelConfig config = ModelConfig.ofTransformers(folder.resolve("config.json"), Blip.NAME);
        config.require("model_type", "blip", SceneReader.MODEL_TYPE);
        return config.text("model_type", "").equals("blip") ? new Blip(folder) : new SceneReader(folder);
    }
}
