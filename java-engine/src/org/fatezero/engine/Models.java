package org.fatezero.engine;

import ai.djl.Device;
import ai.djl.ndarray.types.DataType;

import org.fatezero.tensor.Lora;

import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The models in use in this process, one copy of each. The last one to fall out of use stays until another is opened, so
 * that a host that tears its graph down and sets it up again does not load twice.
 */
final class Models {

    private record Key(String model, String lora, Device device, DataType precision) {
    }

    private static final class Entry {
        Model model;
        int users;
    }

    private static final Pattern SCALED = Pattern.compile("(.+):(-?\\d{1,3}(?:\\.\\d{1,6})?)");
    private static final Pattern PICKLE = Pattern.compile(".+\\.(ckpt|pt|pth|bin|pkl)");

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
    static synchronized Model acquire(String name, String lora, Device device, DataType precision, Host host) throws IOException {
        Key key = new Key(name, lora, device, precision);
        Entry entry = OPEN.get(key);
        if (entry == null) {
            closeUnused();
            entry = new Entry();
            entry.model = load(name, lora, device, precision, host);
            OPEN.put(key, entry);
        }
        entry.users++;
        return entry.model;
    }

    static synchronized void release(Model model) {
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

    private static Model load(String name, String lora, Device device, DataType precision, Host host) throws IOException {
        List<Lora> loras = new ArrayList<>();
        try (FileSystem jar = name.equals("pocket") ? Resources.fileSystem("/pocket") : null) {
            for (String part : Words.split(lora)) {
                loras.add(lora(part));
            }
            Checkpoint files = name.equals("pocket") ? new DiffusersFolder(Resources.path(jar, "/pocket")) : checkpoint(name);
            return new Model(files, loras, device, precision, host);
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

    private static Checkpoint checkpoint(String name) throws IOException {
        if (PICKLE.matcher(name).matches()) {
            throw new IOException("model=" + name + ": pickled checkpoints can run code when they are read and are refused. Where you trust "
                    + "it, convert it: python -c \"import sys, torch, safetensors.torch as s; d = torch.load(sys.argv[1], map_location='cpu', "
                    + "weights_only=True); d = d.get('state_dict', d); s.save_file({k: v.clone().contiguous() for k, v in d.items() "
                    + "if torch.is_tensor(v)}, sys.argv[2])\" " + name + " " + name.replaceFirst("\\.[a-z]+$", ".safetensors"));
        }
        if (name.endsWith(".safetensors") && Files.isRegularFile(Path.of(name))) {
            List<Path> tokenizers = new ArrayList<>();
            for (String cached : VOCABULARIES) {
                snapshot(cached).ifPresent(folder -> {
                    tokenizers.add(folder);
                    tokenizers.add(folder.resolve("tokenizer"));
                });
            }
            return new SingleFile(Path.of(name), tokenizers);
        }
        return new DiffusersFolder(folder(name));
    }

    /** A folder, or the newest snapshot of a name in the local hub cache. Nothing is ever downloaded. */
    private static Path folder(String name) throws IOException {
        List<Path> tried = new ArrayList<>();
        try {
            Path folder = Path.of(name);
            tried.add(folder.toAbsolutePath());
            if (Files.isDirectory(folder)) {
                return folder;
            }
            if (name.matches("[\\w.-]+/[\\w.-]+")) {
                tried.add(cached(name));
                Optional<Path> snapshot = snapshot(name);
                if (snapshot.isPresent()) {
                    return snapshot.get();
                }
            }
        } catch (InvalidPathException e) {
            throw new IllegalArgumentException("model=" + name + ": not a path");
        }
        throw new NoSuchFileException("model=" + name + ": not found; looked for "
                + String.join(" and ", tried.stream().map(Path::toString).toList())
                + "; expected pocket, a folder in the diffusers layout, a .safetensors file, or a name in the local hub cache");
    }

    private static Path cached(String name) {
        return hubCache().resolve("models--" + name.replace("/", "--"));
    }

    /** The newest snapshot of a name in the local hub cache. */
    private static Optional<Path> snapshot(String name) throws IOException {
        Path main = cached(name).resolve("refs").resolve("main");
        if (!Files.isRegularFile(main)) {
            return Optional.empty();
        }
        String revision = Files.readString(main).strip();
        return Optional.of(cached(name).resolve("snapshots").resolve(revision))
                .filter(folder -> revision.matches("[0-9a-f]+") && Files.isDirectory(folder));
    }

    private static Path hubCache() {
        String cache = System.getenv("HF_HUB_CACHE");
        if (cache != null) {
            return Path.of(cache);
        }
        String home = System.getenv("HF_HOME");
        return home != null ? Path.of(home, "hub")
                : FileSystems.getDefault().getPath(System.getProperty("user.home"), ".cache", "huggingface", "hub");
    }
}
