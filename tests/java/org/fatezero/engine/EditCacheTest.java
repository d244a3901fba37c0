package org.fatezero.engine;

import org.fatezero.TinyOptions;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** A window that was edited before costs no more than decoding, and no other is ever taken for it. */
class EditCacheTest {

    private static final String TINY = "tests/golden/tiny";
    private static final int FRAMES = 3;
    private static final int ROW = 32 * 3;
    private static final int SIZE = ROW * 24;

    @TempDir
    private Path folder;
    private final List<String> told = new ArrayList<>(); // warnings and phases, each once

    private Engine open(String... set) throws Exception {
        Map<String, String> options = TinyOptions.of(TINY, "size", "32", "steps", "2", "inversion", folder.toString());
        for (int i = 0; i < set.length; i += 2) {
            options.put(set[i], set[i + 1]);
        }
        return new Engine(options, new Host() {
            @Override
            public void log(int level, String message) {
                if (level <= WARNING) {
                    told.add(message);
                }
            }

            @Override
            public boolean step(String phase, int step, int steps) {
                if (!told.contains(phase)) {
                    told.add(phase);
                }
                return true;
            }
        });
    }

    private byte[] edited(int seed, String... set) throws Exception {
        try (Engine engine = open(set)) {
            told.clear();
            return edited(engine, seed);
        }
    }

    /** Of {@link #FRAMES} frames. */
    private static byte[] edited(Engine engine, int seed) throws Exception {
        int widest = SIZE * engine.panels(0);
        ByteBuffer[] source = new ByteBuffer[FRAMES];
        ByteBuffer[] target = new ByteBuffer[FRAMES * engine.edits()];
        int[] strides = new int[FRAMES];
        int[] targetStrides = new int[target.length];
        for (int i = 0; i < FRAMES; i++) {
            strides[i] = ROW;
            source[i] = ByteBuffer.allocateDirect(SIZE);
            for (int j = 0; j < SIZE; j++) {
                source[i].put(j, (byte) (seed + 40 * i + j / 3 % 97));
            }
        }
        for (int i = 0; i < target.length; i++) {
            targetStrides[i] = ROW * engine.panels(i / FRAMES);
            target[i] = ByteBuffer.allocateDirect(targetStrides[i] * 24);
        }
        engine.edit(source, strides, target, targetStrides, 32, 24, 8);
        ByteBuffer all = ByteBuffer.allocate(target.length * widest);
        for (ByteBuffer frame : target) {
            all.put(frame);
        }
        return all.array();
    }

    private List<Path> edits() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".edit.safetensors")).sorted().toList();
        }
    }

    @Test
    void aModelWhoseWordsMeanSomethingElseIsAnother(@TempDir Path model) throws Exception {
        TinyOptions.copyModel(model);
        byte[] before = edited(1, "model", model.toString());
        Path vocabulary = model.resolve("tokenizer/vocab.json");
        String text = Files.readString(vocabulary);
        Files.writeString(vocabulary,
                text.replace("\"jeep</w>\"", "\"?\"").replace("\"road</w>\"", "\"jeep</w>\"").replace("\"?\"", "\"road</w>\""));
        byte[] after = edited(1, "model", model.toString());
        assertTrue(told.contains("invert"), told.toString());
        assertNotEquals(Arrays.hashCode(before), Arrays.hashCode(after));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "store=recompute", "blend=jeep;show=compare", "blend=jeep;show=mask", "show=attention=road",
        "presets=monet|cartoon;prompt=", "keys=self+first", "attention=reconstruction"})
    void theSameAgainIsDecodedAlone(String options) throws Exception {
        List<String> set = new ArrayList<>();
        for (String option : options.isEmpty() ? new String[0] : options.split(";")) {
            set.addAll(List.of(option.split("=", 2)));
        }
        String[] asked = set.toArray(String[]::new);
        byte[] first;
        byte[] second;
        if (options.startsWith("presets")) {
            Map<String, String> several =
                    TinyOptions.of(TINY, "size", "32", "steps", "2", "inversion", folder.toString(), "presets", "monet|cartoon");
            several.remove("prompt");
            several.remove("preset");
            try (Engine engine = new Engine(several, new TinyOptions.Silent())) {
                first = edited(engine, 7);
                second = edited(engine, 7);
            }
        } else {
            first = edited(7, asked);
            assertTrue(told.contains("invert"), told.toString());
            second = edited(7, asked);
            assertEquals(List.of("decode"), told);
        }
        assertArrayEquals(first, second);
        assertEquals(1, edits().size());
    }

    @Test
    void whateverAnEditDependsOnIsInTheKey() throws Exception {
        edited(7);
        String[][] others = {{"prompt", "a red jeep"}, {"source", "a jeep on a road"}, {"steps", "3"}, {"guidance", "3"},
            {"guidance_interval", "0.5"}, {"negative", "blue"}, {"self_replace", "0.1"}, {"cross_replace", "0.1"}, {"blend", "jeep"},
            {"keys", "first"}, {"keys_at", "8"}, {"fuse_at", "8"}, {"norm", "window"}, {"size", "48"}, {"start", "0.5"},
            {"solver", "implicit"}, {"emphasize", "jeep=3"}, {"show", "compare"}};
        for (String[] set : others) {
            edited(7, set);
            assertTrue(told.contains("invert") || told.contains("edit"), set[0]);
        }
        edited(8);
        assertTrue(told.contains("edit"), "other frames");
        assertEquals(1 + others.length + 1, edits().size());
        String[][] same = {{"store", "recompute"}, {"window", "4"}, {"cache_limit", "1"}};
        for (String[] set : same) {
            edited(7, set);
            assertEquals(List.of("decode"), told, set[0]);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"half", "other", "bit"})
    void aFileThatIsWrongIsEditedAgainWithAWarning(String wrong) throws Exception {
        edited(7);
        Path file = edits().get(0);
        Files.delete(file);
        byte[] expected = edited(7); // of the inversion that was kept, as what follows
        byte[] whole = Files.readAllBytes(file);
        switch (wrong) {
            case "half" -> Files.write(file, java.util.Arrays.copyOf(whole, whole.length / 2));
            case "other" -> {
                edited(8);
                Path other = edits().stream().filter(one -> !one.equals(file)).findFirst().orElseThrow();
                Files.copy(other, file, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
            }
            default -> {
                whole[whole.length - 5] ^= 1;
                Files.write(file, whole);
            }
        }
        assertArrayEquals(expected, edited(7));
        assertTrue(told.get(0).contains(file.toString()) && told.get(0).endsWith("the window is edited again"), told.toString());
        assertTrue(Files.exists(file.resolveSibling(file.getFileName() + ".damaged")));
        assertArrayEquals(expected, edited(7));
        assertEquals(List.of("decode"), told, "and mended");
    }

    @Test
    void whatWasNotUsedForLongestMakesRoom() throws Exception {
        Path foreign = Files.write(folder.resolve("mine.safetensors"), new byte[100_000]);
        for (int seed = 0; seed < 3; seed++) {
            edited(seed);
        }
        long all = kept(foreign);
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                Files.setLastModifiedTime(file, FileTime.fromMillis(1000));
            }
        }
        edited(1);
        assertEquals(List.of("decode"), told, "used, and so the youngest");
        edited(3, "cache_limit", Double.toString(all * 0.75 / 1e9));
        assertTrue(kept(foreign) <= 0.75 * all, kept(foreign) + " of " + all + " bytes");
        edited(1);
        assertEquals(List.of("decode"), told, "the one that was used last is there");
        edited(3);
        assertEquals(List.of("decode"), told, "and the new one");
        assertTrue(Files.exists(foreign), "what others put there stays");
    }

    /** Bytes of all files but one. */
    private long kept(Path foreign) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> !file.equals(foreign)).mapToLong(file -> file.toFile().length()).sum();
        }
    }

    @Test
    void aStopBetweenTheTwoFilesChangesNothing() throws Exception {
        byte[] expected = edited(7);
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.filter(one -> !one.toString().contains(".edit.")).toList()) {
                Files.delete(file);
            }
        }
        assertArrayEquals(expected, edited(7));
        assertEquals(List.of("decode"), told);
    }
}
