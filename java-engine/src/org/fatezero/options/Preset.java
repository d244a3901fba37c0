package org.fatezero.options;

import org.fatezero.io.Log;
import org.fatezero.io.Resources;
import org.fatezero.io.UserPath;
import org.fatezero.io.UserTexts;
import org.fatezero.options.authors.Configuration;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A saved set of options: {@code key=value} a line. Lines that start with {@code #} are comments; the first says when to use
 * it. The shipped ones travel in the engine's jar; any other is a file, or a {@link Configuration} of the authors' code.
 *
 * <p>A file may come from anyone, and its name from a service's user: it sets what shapes an edit, never what is read, written or run
 * on, and error messages do not quote a file that is no preset.
 */
final class Preset {

    private static final int SIZE_LIMIT = 1 << 16;
    private static final String EXAMPLE = "# Example:";
    private static final String NAME = "[a-z0-9][a-z0-9_-]*";

    private Preset() {
    }

    /**
     * The options of a shipped preset or of a file.
     *
     * @param given what is set beside it
     * @param log is told what of it does not count
     * @throws IllegalArgumentException if no preset has this name, listing those there are
     * @throws IOException if a file of this name cannot be read
     */
    static Map<String, String> load(String nameOrFile, Map<String, String> given, UserTexts texts, Log log) throws IOException {
        boolean isConfiguration = nameOrFile.matches(".*\\.ya?ml");
        if (!given.getOrDefault("edit", Options.AUTO).equals(Options.AUTO) && !isConfiguration) {
            throw new IllegalArgumentException("edit=" + given.get("edit") + " picks a prompt of a configuration file, and preset="
                    + nameOrFile + " is none: .yaml or .yml");
        }
        String shipped = shipped(nameOrFile);
        if (shipped != null) {
            return parse(shipped, nameOrFile);
        }
        Path file = UserPath.of("preset", nameOrFile);
        if (!texts.has(file)) {
            throw new IllegalArgumentException("preset=" + nameOrFile + ": " + meant(nameOrFile) + "neither a file nor one of the presets "
                    + String.join(", ", names()));
        }
        return isConfiguration ? Configuration.options(file, given, texts, log) : parse(texts.read(file, "expected a preset"), nameOrFile);
    }

    /** A guess at what a mistyped name stands for. */
    private static String meant(String name) throws IOException {
        return names().stream().min(Comparator.comparing(preset -> distance(name, preset))).filter(preset -> distance(name, preset) < 3)
                .map(preset -> "did you mean " + preset + "? It is ").orElse("");
    }

    /** Characters to insert, delete or replace between two words (Levenshtein 1966). */
    private static int distance(String a, String b) {
        int[] row = IntStream.rangeClosed(0, b.length()).toArray();
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.length()];
    }

    /** The text of a shipped preset, or null. */
    static String shipped(String name) throws IOException {
        if (!name.matches(NAME)) {
            return null;
        }
        try (InputStream in = Preset.class.getResourceAsStream("/presets/" + name + ".preset")) {
            return in == null ? null : new String(in.readNBytes(SIZE_LIMIT), StandardCharsets.UTF_8);
        }
    }

    /**
     * Options that show the use of a shipped preset that needs more than itself ({@link Example#of}), or null. They stand in a comment:
     * {@code # Example: from={colour}:to=blue}.
     */
    static String example(String name) throws IOException {
        String text = shipped(name);
        if (text == null) {
            return null;
        }
        return text.lines().filter(line -> line.startsWith(EXAMPLE)).map(line -> line.substring(EXAMPLE.length()).strip())
                .findFirst().orElse(null);
    }

    /** Names of the shipped presets. */
    static TreeSet<String> names() throws IOException {
        TreeSet<String> names = new TreeSet<>();
        try (FileSystem jar = Resources.fileSystem("/presets")) {
            try (Stream<Path> files = Files.list(Resources.path(jar, "/presets"))) {
                files.map(file -> file.getFileName().toString()).filter(name -> name.endsWith(".preset"))
                        .forEach(name -> names.add(name.substring(0, name.length() - ".preset".length())));
            }
        }
        return names;
    }

    /** @throws IllegalArgumentException for a line that is neither a comment nor {@code key=value}, another key, or one set twice */
    static Map<String, String> parse(String text, String name) {
        Set<String> keys = Options.names(Trait.IN_PRESETS);
        Map<String, String> options = new LinkedHashMap<>();
        int number = 0;
        for (String line : text.split("\\R")) {
            number++;
            if (line.isBlank() || line.strip().startsWith("#")) {
                continue;
            }
            int equals = line.indexOf('=');
            if (equals < 1) {
                throw new IllegalArgumentException(name + ", line " + number + ": neither key=value nor a comment, which # begins");
            }
            String key = line.substring(0, equals).strip();
            if (!keys.contains(key)) {
                throw new IllegalArgumentException(name + ", line " + number + ": " + (Options.names().contains(key)
                        ? key + "= is not for a preset to set; give it beside preset=" : "not an option of an edit; those are "
                        + String.join(", ", keys)));
            }
            if (options.put(key, line.substring(equals + 1).strip()) != null) {
                throw new IllegalArgumentException(name + ", line " + number + ": sets the same key again");
            }
        }
        return options;
    }
}
