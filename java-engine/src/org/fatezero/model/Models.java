package org.fatezero.model;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.types.DataType;

import org.fatezero.device.OutOfMemory;
import org.fatezero.diffusion.Progress;
import org.fatezero.io.FileState;
import org.fatezero.io.Log;
import org.fatezero.io.UserPath;
import org.fatezero.options.words.Words;
import org.fatezero.text.Tokenizer;

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
import java.util.stream.Stream;

/**
 * The models in use in this process, one copy of each. The one released last stays loaded until another is opened, so that a host that
 * rebuilds its filter graph does not load it again.
 */
public final class Models {

    /**
     * @param files of the model, none if it is {@code builtIn}, then of its LoRAs; a file that has changed is another model
     * @param scales of the LoRAs
     */
    private record Key(boolean builtIn, List<FileState> files, List<Double> scales, Device device, DataType precision) {
    }

    private record ScaledFile(Path path, double scale) {
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

    /** {@link #acquire(String, String, Device, DataType, Log, Progress)} without progress. */
    public static Model acquire(String name, String lora, Device device, DataType precision, Log log) throws IOException {
        return acquire(name, lora, device, precision, log, Progress.NONE);
    }

    /**
     * The model, loaded if need be; {@link #release} it.
     *
     * @param lora the option: files and scales
     * @param progress of loading; may end it
     */
    public static synchronized Model acquire(String name, String lora, Device device, DataType precision, Log log, Progress progress)
            throws IOException {
        List<ScaledFile> adaptations = adaptations(lora);
        Key key = key(name, adaptations, device, precision);
        Entry entry = OPEN.get(key);
        if (entry == null) {
            closeUnused();
            entry = new Entry();
            entry.model = load(name, adaptations, device, precision, log, progress);
            boolean unchanged = false;
            try {
                unchanged = key.equals(key(name, adaptations, device, precision));
            } finally {
                if (!unchanged) {
                    entry.model.close();
                }
            }
            if (!unchanged) {
                throw new IOException("model=" + name + ": its files changed while they were read; open it again once they are written");
            }
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

    private static Key key(String name, List<ScaledFile> adaptations, Device device, DataType precision) throws IOException {
        List<FileState> files = new ArrayList<>();
        List<Path> ofModel = List.of();
        if (isSingleFile(name)) {
            Path file = Path.of(name);
            Stream<Path> tokenizers = Stream.concat(Stream.of(file.toAbsolutePath().resolveSibling("tokenizer")), vocabularies().stream());
            ofModel = Stream.concat(Stream.of(file), tokenizers.flatMap(folder -> Tokenizer.files(folder).stream())).toList();
        } else if (!name.equals(ModelFolder.BUILT_IN)) {
            try (ModelFolder folder = ModelFolder.find(name)) {
                ofModel = DiffusersFolder.files(folder.path());
            }
        }
        for (Path file : ofModel) {
            files.add(FileState.of(file));
        }
        for (ScaledFile file : adaptations) {
            files.add(FileState.of(file.path));
        }
        List<Double> scales = adaptations.stream().map(ScaledFile::scale).toList();
        return new Key(name.equals(ModelFolder.BUILT_IN), files, scales, device, precision);
    }

    private static boolean isSingleFile(String name) {
        return name.endsWith(".safetensors") && Files.isRegularFile(UserPath.of("model", name));
    }

    private static Model load(String name, List<ScaledFile> adaptations, Device device, DataType precision, Log log, Progress progress)
            throws IOException {
        List<Lora> loras = new ArrayList<>();
        try {
            for (ScaledFile file : adaptations) {
                loras.add(new Lora(file.path, file.scale));
            }
            if (isSingleFile(name)) {
                try (Checkpoint file = new SingleFile(Path.of(name), vocabularies())) {
                    return new Model(file, loras, device, precision, log, progress);
                }
            }
            try (ModelFolder folder = ModelFolder.find(name); Checkpoint files = new DiffusersFolder(folder.path())) {
                return new Model(files, loras, device, precision, log, progress);
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

    /**
     * The option {@code lora}: files, each with a scale after a colon or without, joined by plus signs, which a file's name may have too.
     */
    private static List<ScaledFile> adaptations(String option) throws IOException {
        List<ScaledFile> files = new ArrayList<>();
        List<String> parts = Words.split(option);
        for (int begin = 0, end = 1; begin < parts.size(); end++) {
            ScaledFile file = scaled(String.join("+", parts.subList(begin, end)));
            if (Files.isRegularFile(file.path)) {
                files.add(file);
                begin = end;
            } else if (end == parts.size()) {
                throw new NoSuchFileException("lora=" + option + ": no file " + scaled(parts.get(begin)).path.toAbsolutePath()
                        + "; expected file.safetensors, or file.safetensors:scale, joined by +");
            }
        }
        return files;
    }

    private static ScaledFile scaled(String text) {
        Matcher scaled = SCALED.matcher(text);
        return scaled.matches() ? new ScaledFile(UserPath.of("lora", scaled.group(1)), Double.parseDouble(scaled.group(2)))
                : new ScaledFile(UserPath.of("lora", text), 1);
    }

    /** The folders of the hub cache that may hold a single file's tokenizer. */
    private static List<Path> vocabularies() throws IOException {
        List<Path> folders = new ArrayList<>();
        for (String cached : VOCABULARIES) {
            ModelFolder.snapshot(cached).ifPresent(folder -> {
                folders.add(folder);
                folders.add(folder.resolve("tokenizer"));
            });
        }
        return folders;
    }
}
