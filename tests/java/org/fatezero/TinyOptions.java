package org.fatezero;

import org.fatezero.engine.Host;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The options of a quick edit, and a host that says nothing. */
public final class TinyOptions {

    private TinyOptions() {
    }

    /** A host that never cancels. */
    public static class Silent implements Host {

        @Override
        public void log(int level, String message) {
        }

        @Override
        public boolean step(String phase, int step, int steps) {
            return true;
        }
    }

    /** Copies the tiny model to a folder. */
    public static void copyModel(Path folder) throws IOException {
        copy(Golden.TINY, folder);
    }

    /** Copies a folder with all that is in it, files in place of links to them and of those of an earlier run. */
    public static void copy(Path from, Path to) throws IOException {
        List<Path> files;
        try (var walked = Files.walk(from)) {
            files = walked.filter(Files::isRegularFile).toList();
        }
        for (Path file : files) {
            Path copy = to.resolve(from.relativize(file).toString());
            Files.createDirectories(copy.getParent());
            Files.copy(file, copy, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    /**
     * Two steps of all layers on frames of 64 pixels, in windows of three, the same on every processor, and each window by itself;
     * then key, value, ...
     */
    public static Map<String, String> of(String model, String... set) {
        Map<String, String> options = new HashMap<>(Map.of("model", model, "size", "64", "steps", "2", "window", "3", "device", "cpu",
                "precision", "fp32", "fuse_at", "64", "keys_at", "64", "source", "a silver jeep on a road",
                "prompt", "watercolor painting of a silver jeep on a road"));
        options.put("keys", "mid");
        options.put("steady", "0"); // so that a window comes out as if it were a film's first
        for (int i = 0; i < set.length; i += 2) {
            options.put(set[i], set[i + 1]);
        }
        return options;
    }
}
