package org.fatezero.model;

import org.fatezero.io.Resources;
import org.fatezero.io.UserPath;
import org.fatezero.tensor.SafeTensors;

import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/**
 * The folder that a model's name stands for: {@code pocket}, which may lie in the engine's jar and can be read until this is
 * closed, a folder, or the newest snapshot in the local hub cache. Nothing is ever downloaded.
 */
public final class ModelFolder implements AutoCloseable {

    public static final String BUILT_IN = "pocket";

    private static final Pattern PICKLE = Pattern.compile(".+\\.(ckpt|pt|pth|bin|pkl)", Pattern.CASE_INSENSITIVE);

    private final FileSystem jar; // null outside of it
    private final Path path;

    private ModelFolder(FileSystem jar, Path path) {
        this.jar = jar;
        this.path = path;
    }

    /** @throws IOException if there is none, telling where it was looked for */
    public static ModelFolder find(String name) throws IOException {
        if (name.equals(BUILT_IN)) {
            FileSystem jar = Resources.fileSystem("/pocket");
            return new ModelFolder(jar, Resources.path(jar, "/pocket"));
        }
        if (PICKLE.matcher(name).matches()) {
            throw new IOException("model=" + name + ": pickled checkpoints can run code when they are read and are refused. "
                    + "Where you trust it, convert it: " + SafeTensors.conversion(name));
        }
        List<Path> tried = new ArrayList<>();
        Path folder = UserPath.of("model", name);
        tried.add(folder.toAbsolutePath());
        if (Files.isDirectory(folder)) {
            return new ModelFolder(null, folder);
        }
        if (Files.isRegularFile(folder)) {
            throw new IOException("model=" + name + ": neither a folder nor a file whose name ends in .safetensors; expected a folder in "
                    + "the diffusers layout, or a checkpoint in that format");
        }
        if (name.matches("[\\w.-]+/[\\w.-]+")) {
            tried.add(cached(name));
            Optional<Path> snapshot = snapshot(name);
            if (snapshot.isPresent()) {
                return new ModelFolder(null, snapshot.get());
            }
        }
        throw new NoSuchFileException("model=" + name + ": not found; looked for "
                + String.join(" and ", tried.stream().map(Path::toString).toList())
                + "; expected pocket, a folder in the diffusers layout, a .safetensors file, or a name in the local hub cache"
                + (tried.size() == 1 ? "" : ", where 'hf download " + name + "' puts it"));
    }

    /** The newest snapshot of a name in the local hub cache. */
    public static Optional<Path> snapshot(String name) throws IOException {
        Path main = cached(name).resolve("refs").resolve("main");
        if (!Files.isRegularFile(main)) {
            return Optional.empty();
        }
        String revision = Files.readString(main).strip();
        return Optional.of(cached(name).resolve("snapshots").resolve(revision))
                .filter(folder -> revision.matches("[0-9a-f]+") && Files.isDirectory(folder));
    }

    private static Path cached(String name) {
        return hubCache().resolve("models--" + name.replace("/", "--"));
    }

    private static Path hubCache() {
        return hubCache(name -> Objects.toString(System.getenv(name), ""));
    }

    /** @param environment gives a variable's value, or nothing */
    static Path hubCache(UnaryOperator<String> environment) {
        String cache = environment.apply("HF_HUB_CACHE");
        String home = environment.apply("HF_HOME");
        String caches = environment.apply("XDG_CACHE_HOME");
        if (!cache.isEmpty()) {
            return Path.of(cache);
        }
        if (!home.isEmpty()) {
            return Path.of(home, "hub");
        }
        String user = environment.apply("HOME"); // before what the system says of the user, as in Python
        Path all = caches.isEmpty() ? Path.of(user.isEmpty() ? System.getProperty("user.home") : user, ".cache") : Path.of(caches);
        return all.resolve("huggingface/hub");
    }

    public Path path() {
        return path;
    }

    @Override
    public void close() throws IOException {
        if (jar != null) {
            jar.close();
        }
    }
}
