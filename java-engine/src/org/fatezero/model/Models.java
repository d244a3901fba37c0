package org.fatezero.model;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.types.DataType;

import org.fatezero.device.OutOfMemory;
import org.fatezero.io.Log;
import org.fatezero.options.Words;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The models in use in this process, one copy of each. The last one to fall out of use stays until another is opened, so
 * that a host that tears its graph down and sets it up again does not load twice.
 */
public final class Models {

    private record Key(String model, String lora, Device device, DataType precision) {
    }

    private static final class Entry {
        Model model;
        int users;
    }

    private static final Pattern SCALED = Pattern.compile("(.+):(-?\\d{1,3}(?:\\.\\d{1,6})?)");

    /** Names of the hub whose snapshots hold Stable Diffusion 1.x's vocabulary. */
    private static final List<String> VOCABULARIES = List.of("openai/clip-vit-large-patch14", "CompVis/stable-diffusion-v1-4",
            "stable-diffusion-v1-5/stable-diffusion-v1-5", "runwayml/stable-diffusion-v1-5");

    private static final Map<Key, Entry> OPEN = new HashMap<>();

    private Models() {
    }

    /**
     * The model, loaded if need be; {@link #release} it.
     *
     * @param lora the option: files and scales
     */
    public static synchronized Model acquire(String name, String lora, Device device, DataType precision, Log log) throws IOException {
        Key key = new Key(name, lora, device, precision);
        Entry entry = OPEN.get(key);
        if (entry == null) {
            closeUnused();
            entry = new Entry();
            entry.model = load(name, lora, device, precision, log);
            OPEN.put(key, entry);
        }
        entry.users++;
        return entry.model;
    }

    public static synchronized void release(Model model) {
        OPEN.values().stream().filter(entry -> entry.model == model).forEach(entry -> entry.users--);
    }

    private static void closeUnused() {
        OPEN.values().removeIf(entry -> {
            if (entry.users == 0) {
                entry.model.close();
            }
            return entry.users == 0;
        });
    }

    private static Model load(String name, String lora, Device device, DataType precision, Log log) throws IOException {
        List<Lora> loras = new ArrayList<>();
        try {
            for (String part : Words.split(lora)) {
                loras.add(lora(part));
            }
            if (name.endsWith(".safetensors") && Files.isRegularFile(Path.of(name))) {
                try (Checkpoint file = singleFile(name)) {
                    return new Model(file, loras, device, precision, log);
                }
            }
            try (ModelFolder folder = ModelFolder.find(name); Checkpoint files = new DiffusersFolder(folder.path())) {
                return new Model(files, loras, device, precision, log);
            }
        } catch (EngineException | OutOfMemoryError e) {
            if (!OutOfMemory.is(e)) {
                throw e;
            }
            throw OutOfMemory.error("the weights of model " + name + " on " + device,
                    device.isGpu() ? "free some, or use device=cpu" : "free some, or use a smaller model", e);
        } finally {
            for (Lora opened : loras) {
                opened.close();
            }
        }
    }

    /** A LoRA of the option {@code lora}: a file, or a file and its scale after a colon. */
    private static Lora lora(String text) throws IOException {
        Matcher scaled = SCALED.matcher(text);
        boolean hasScale = scaled.matches();
        Path file = Path.of(hasScale ? scaled.group(1) : text);
        if (!Files.isRegularFile(file)) {
            throw new NoSuchFileException("lora=" + text + ": no file " + file.toAbsolutePath() + "; expected file.safetensors, or "
                    + "file.safetensors:scale, joined by +");
        }
        return new Lora(file, hasScale ? Double.parseDouble(scaled.group(2)) : 1);
    }

    private static Checkpoint singleFile(String name) throws IOException {
        List<Path> tokenizers = new ArrayList<>();
        for (String cached : VOCABULARIES) {
            ModelFolder.snapshot(cached).ifPresent(folder -> {
                tokenizers.add(folder);
                tokenizers.add(folder.resolve("tokenizer"));
            });
        }
        return new SingleFile(Path.of(name), tokenizers);
    }
}
