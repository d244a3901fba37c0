package org.fatezero.engine;

import ai.djl.Device;
import ai.djl.ndarray.types.DataType;

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

/**
 * The models in use in this process, one copy of each. The last one to fall out of use stays until another is opened, so
 * that a host that tears its graph down and sets it up again does not load twice.
 */
final class Models {

    private record Key(String model, Device device, DataType precision) {
    }

    private static final class Entry {
        Model model;
        int users;
    }

    private static final Map<Key, Entry> OPEN = new HashMap<>();

    private Models() {
    }

    /** The model, loaded if need be; {@link #release} it. */
    static synchronized Model acquire(String name, Device device, DataType precision) throws IOException {
        Key key = new Key(name, device, precision);
        Entry entry = OPEN.get(key);
        if (entry == null) {
            closeUnused();
            entry = new Entry();
            entry.model = load(name, device, precision);
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

    private static Model load(String name, Device device, DataType precision) throws IOException {
        if (name.equals("pocket")) {
            try (FileSystem jar = Resources.fileSystem("/pocket")) {
                return new Model(Resources.path(jar, "/pocket"), device, precision);
            }
        }
        return new Model(folder(name), device, precision);
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
                Path cached = hubCache().resolve("models--" + name.replace("/", "--"));
                tried.add(cached);
                Path main = cached.resolve("refs").resolve("main");
                if (Files.isRegularFile(main)) {
                    String revision = Files.readString(main).strip();
                    if (revision.matches("[0-9a-f]+") && Files.isDirectory(cached.resolve("snapshots").resolve(revision))) {
                        return cached.resolve("snapshots").resolve(revision);
                    }
                }
            }
        } catch (InvalidPathException e) {
            throw new IllegalArgumentException("model=" + name + ": not a path");
        }
        throw new NoSuchFileException("model=" + name + ": not found; looked for "
                + String.join(" and ", tried.stream().map(Path::toString).toList())
                + "; expected pocket, a folder in the diffusers layout, or a name in the local hub cache");
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
