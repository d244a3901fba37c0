package org.fatezero.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.TinyOptions;
import org.fatezero.edit.Mix;
import org.fatezero.forward.ForwardContext;
import org.fatezero.inversion.Trajectory;
import org.fatezero.model.Model;
import org.fatezero.model.Models;
import org.fatezero.tensor.SafeTensors;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;

/** An inversion kept on disk serves other edits of the same frames, and no file does harm. */
class InversionCacheTest {

    private static final String TINY = "tests/golden/tiny";
    private static final int FRAMES = 3;
    private static final int STEPS = 3;
    private static final int ROW = 32 * 3;

    @TempDir
    private Path folder;
    private Model model;
    private final List<String> told = new ArrayList<>(); // warnings and phases

    @BeforeEach
    void acquire() throws Exception {
        model = Models.acquire(TINY, "", Device.cpu(), DataType.FLOAT32, new TinyOptions.Silent());
    }

    @AfterEach
    void release() {
        Models.release(model);
    }

    private Engine open(String... set) throws Exception {
        Map<String, String> options = TinyOptions.of(TINY);
        options.putAll(Map.of("steps", Integer.toString(STEPS), "size", "32", "inversion", folder.toString()));
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

    /** What the edit gives; {@code told} is then about it alone. */
    private byte[] edited(int seed, String... set) throws Exception {
        try (Engine engine = open(set)) {
            return edited(engine, seed);
        }
    }

    /** Edits that are kept as well are not this test's: {@link EditCacheTest}. */
    private void forgetEdits() throws IOException {
        if (Files.isDirectory(folder)) {
            try (Stream<Path> files = Files.list(folder)) {
                files.filter(file -> file.toString().contains(".edit.")).forEach(InversionCacheTest::delete);
            }
        }
    }

    private byte[] edited(Engine engine, int seed) throws Exception {
        forgetEdits();
        told.clear();
        ByteBuffer[] source = new ByteBuffer[FRAMES];
        ByteBuffer[] target = new ByteBuffer[FRAMES];
        for (int i = 0; i < FRAMES; i++) {
            source[i] = ByteBuffer.allocateDirect(ROW * 24);
            target[i] = ByteBuffer.allocateDirect(ROW * 24);
            for (int j = 0; j < ROW * 24; j++) {
                source[i].put(j, (byte) (seed + 40 * i + j / 3 % 97));
            }
        }
        int[] strides = {ROW, ROW, ROW};
        engine.edit(source, strides, target, strides, 32, 24, 8);
        ByteBuffer all = ByteBuffer.allocate(FRAMES * ROW * 24);
        for (ByteBuffer frame : target) {
            all.put(frame);
        }
        return all.array();
    }

    /** To 60 dB: what is kept of the source is kept in half precision, and what is run again beside the edit is not. */
    private static void assertClose(byte[] expected, byte[] found) {
        int differing = 0;
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i] & 0xff, found[i] & 0xff, 1, "byte " + i);
            differing += expected[i] == found[i] ? 0 : 1;
        }
        double decibels = 10 * Math.log10(255 * 255. * expected.length / differing);
        assertTrue(decibels > 60, decibels + " dB: " + differing + " of " + expected.length + " bytes differ");
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> !file.toString().contains(".edit.")).sorted().toList();
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "keep; prompt; a red bus on a road; guidance; 7.5",
        "recompute; prompt; oil painting of a silver jeep on a road; self_replace; 0.2-0.6",
        "keep; prompt; a golden jeep on a road; blend; silver+jeep/golden"})
    void theNextEditOfTheSameFramesMakesNoInversion(String store, String name, String value, String other, String otherValue)
            throws Exception {
        String[] second = {"store", store, name, value, other, otherValue, "blend_latents", other.equals("blend") ? "1" : "0"};
        byte[] expected = edited(7, concat(second, "inversion", ""));
        assertEquals(List.of("encode", "invert", "edit", "decode"), told);
        edited(7);
        assertEquals(1, files().size());

        byte[] found = edited(7, second);
        assertEquals(List.of("edit", "decode"), told);
        assertClose(expected, found);
        assertEquals(1, files().size());
    }

    @Test
    void theSourceRunsOnlyInStepsThatFuseIt() throws Exception {
        try (Engine engine = open("self_replace", "0.4", "cross_replace", "0.3"); NDManager window = model.manager.newSubManager()) {
            LatentCounter counter = new LatentCounter();
            ForwardContext context = ForwardContext.of(engine.editor().window(FRAMES, false, 6, 8));
            NDArray z0 = window.randomNormal(new Shape(FRAMES, model.unet.config().inChannels(), 6, 8));
            Trajectory inversion = engine.editor().latents().invert(z0, context, false, List.of());
            engine.editor().latents().edit(inversion, Mix.NONE, false, context.and(counter), false);
            assertEquals(FRAMES * (2 * STEPS + 1), counter.latents());
        }
    }

    @Test
    void soIsThatOfAnotherSolverFromLessNoise() throws Exception {
        String[] first = {"solver", "implicit", "start", "0.67"};
        edited(7);
        edited(7, first);
        assertTrue(told.contains("invert"));
        byte[] found = edited(7, concat(first, "prompt", "a red jeep on a road"));
        assertEquals(List.of("edit", "decode"), told);
        assertClose(edited(7, concat(first, "prompt", "a red jeep on a road", "inversion", "")), found);
    }

    @Test
    void aReconstructionIsKeptInItsPlace() throws Exception {
        String[] first = {"attention", "reconstruction", "guidance", "2"};
        edited(7);
        edited(7, first);
        assertTrue(told.contains("invert") && told.contains("reconstruct"));
        byte[] found = edited(7, concat(first, "prompt", "a red jeep on a road"));
        assertEquals(List.of("edit", "decode"), told);
        assertClose(edited(7, concat(first, "prompt", "a red jeep on a road", "inversion", "")), found);
        edited(7, "attention", "reconstruction", "guidance", "3");
        assertTrue(told.contains("invert"), "it depends on guidance");
    }

    private static String[] concat(String[] first, String... then) {
        return Stream.concat(Arrays.stream(first), Arrays.stream(then)).toArray(String[]::new);
    }

    @Test
    void whatTheFirstEditGivesIsAsWithoutTheFolder() throws Exception {
        assertClose(edited(7, "inversion", ""), edited(7));
    }

    @Test
    void whateverInversionDependsOnIsInTheKeyAndNothingElse() throws Exception {
        edited(7);
        String[][] others = {{"source", "a jeep on a road"}, {"steps", "2"}, {"keys", "first"}, {"keys_at", "8"}, {"norm", "window"},
            {"size", "48"}};
        for (String[] set : others) {
            edited(7, set);
            assertTrue(told.contains("invert"), set[0]);
        }
        edited(8);
        assertTrue(told.contains("invert"), "other frames");
        String[][] same = {{"guidance", "3"}, {"negative", "blue"}, {"self_replace", "0.1"}, {"fuse_at", "8"}, {"window", "4"},
            {"store", "recompute"}};
        for (String[] set : same) {
            edited(7, set);
            assertFalse(told.contains("invert"), set[0]);
        }
        assertEquals(1 + others.length + 1, files().size());
    }

    @Test
    void anotherModelIsInTheKeyAndAMovedOneIsNot() throws Exception {
        Path moved = folder.resolveSibling(folder.getFileName() + "-model");
        TinyOptions.copyModel(moved);
        edited(7);
        try (Engine engine = open("model", moved.toString())) {
            edited(engine, 7);
            assertFalse(told.contains("invert"), "moved");
        }
        Path weights = moved.resolve("unet/diffusion_pytorch_model.safetensors");
        SafeTensors.Entry largest;
        try (SafeTensors file = new SafeTensors(weights)) {
            largest = Collections.max(file.entries().values(), Comparator.comparingLong(entry -> entry.end() - entry.begin()));
        }
        try (RandomAccessFile file = new RandomAccessFile(weights.toFile(), "rw")) {
            file.seek((largest.begin() + largest.end()) / 2);
            int middle = file.read();
            file.seek((largest.begin() + largest.end()) / 2);
            file.write(middle ^ 1);
        }
        try (Engine engine = open("model", moved.toString())) {
            edited(engine, 7);
            assertTrue(told.contains("invert"), "a weight is another");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"half", "empty", "junk", "other", "number", "bit"})
    void aFileThatIsWrongIsInvertedAgainWithAWarning(String wrong) throws Exception {
        edited(7);
        Path file = files().get(0);
        byte[] whole = Files.readAllBytes(file);
        switch (wrong) {
            case "half" -> Files.write(file, Arrays.copyOf(whole, whole.length / 2));
            case "empty" -> Files.write(file, new byte[0]);
            case "junk" -> Files.write(file, new byte[whole.length]);
            case "other" -> {
                edited(8);
                Path other = files().stream().filter(one -> !one.equals(file)).findFirst().orElseThrow();
                Files.copy(other, file, StandardCopyOption.REPLACE_EXISTING);
            }
            case "bit" -> { // a number becomes another
                byte[] broken = whole.clone();
                broken[whole.length / 2] ^= 1;
                Files.write(file, broken);
            }
            default -> { // the last number becomes none
                byte[] broken = whole.clone();
                Arrays.fill(broken, whole.length - 4, whole.length, (byte) 0xff);
                Files.write(file, broken);
            }
        }
        byte[] found = edited(7, "blend", "jeep", "self_replace", "0");
        assertTrue(told.contains("invert"), told.toString());
        assertTrue(told.get(0).contains(file.toString()) && told.get(0).endsWith("the window is inverted again"), told.toString());
        assertClose(edited(7, "blend", "jeep", "self_replace", "0", "inversion", ""), found);
        edited(7);
        assertEquals(List.of("edit", "decode"), told, "and mended");
        assertTrue(files().contains(file.resolveSibling(file.getFileName() + ".damaged")), files().toString());
    }

    /** Where edits share what is kept, inverting again is less than what each would recompute. */
    @Test
    void severalEditsReadItWhereThatIsLess() throws Exception {
        try (Engine engine = open("presets", "enhance|remove-object", "from", "silver", "blend", "jeep", "store", "keep")) {
            edit(engine);
            edit(engine);
            assertTrue(told.contains("invert"));
            FileTime longAgo = FileTime.fromMillis(0);
            Files.setLastModifiedTime(files().get(0), longAgo);
            edit(engine);
            assertEquals(longAgo, Files.getLastModifiedTime(files().get(0)), "the same is not written again");
        }
        try (Engine engine = open("presets", "enhance|remove-object", "from", "silver", "blend", "jeep", "store", "recompute")) {
            edit(engine);
            assertFalse(told.contains("invert"));
        }
    }

    private void edit(Engine engine) throws Exception {
        forgetEdits();
        told.clear();
        ByteBuffer[] frames = {ByteBuffer.allocateDirect(ROW * 24), ByteBuffer.allocateDirect(ROW * 24)};
        engine.edit(new ByteBuffer[] {frames[0]}, new int[] {ROW}, frames, new int[] {ROW, ROW}, 32, 24, 8);
    }

    /** Each sees the file whole or not at all, and nothing but the file stays. */
    @Test
    void manyMayWriteAndReadAtOnce() throws Exception {
        byte[] expected = edited(7, "inversion", "");
        List<CompletableFuture<Void>> running = new ArrayList<>();
        List<Throwable> failures = new ArrayList<>();
        for (int thread = 0; thread < 3; thread++) {
            running.add(CompletableFuture.runAsync(() -> {
                InversionCacheTest own = new InversionCacheTest();
                own.folder = folder;
                try (Engine engine = own.open()) {
                    for (int i = 0; i < 3; i++) {
                        assertClose(expected, own.edited(engine, 7));
                        assertFalse(own.told.stream().anyMatch(text -> text.contains("inverted again")), own.told.toString());
                        try (Stream<Path> files = Files.list(folder)) {
                            files.filter(file -> file.toString().endsWith(".safetensors")).forEach(InversionCacheTest::delete);
                        }
                    }
                } catch (Throwable e) {
                    failures.add(e);
                }
            }));
        }
        running.forEach(CompletableFuture::join);
        assertEquals(List.of(), failures);
        assertTrue(files().size() <= 1, files().toString());
    }

    private static void delete(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void theFolderIsMade() throws Exception {
        Path deep = folder.resolve("a/b");
        edited(7, "inversion", deep.toString());
        assertEquals(2, Files.list(deep).count(), "the inversion and the edit");
        Path file = Files.createFile(folder.resolve("file"));
        String message = assertThrows(IOException.class, () -> open("inversion", file.toString())).getMessage();
        assertTrue(message.contains("inversion=" + file), message);
    }

    /** What is in it shows the user's clip. */
    @Test
    void theFolderIsTheUsersAlone() throws Exception {
        open("inversion", folder.resolve("new").toString()).close();
        assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve("new"))));
    }

    @Test
    void filesInAFolderThatIsOpenToOthersAreNot() throws Exception {
        Path open = Files.createDirectory(folder.resolve("open"));
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxr-xr-x"));
        edited(7, "inversion", open.toString());
        for (Path file : Files.list(open).toList()) {
            assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)), file.toString());
        }
        assertEquals("rwxr-xr-x", PosixFilePermissions.toString(Files.getPosixFilePermissions(open)), "the folder is the user's to open");
    }

    @Test
    void theFolderMayBeALink() throws Exception {
        Path link = Files.createSymbolicLink(folder.resolve("link"), Files.createDirectory(folder.resolve("elsewhere")));
        edited(7, "inversion", link.toString());
        assertEquals(2, Files.list(folder.resolve("elsewhere")).count(), "the inversion and the edit");
    }

    @Test
    void aFolderThatCannotBeWrittenToFailsNoEdit() throws Exception {
        try (Engine engine = open()) {
            Files.delete(folder);
            edited(engine, 7);
            assertEquals(2, told.stream().filter(text -> text.contains("cannot be kept")).count(), told.toString());
            Files.createDirectory(folder);
        }
    }

    @Test
    void aWindowLeavesNothingBehind() throws Exception {
        try (Engine engine = open("blend", "jeep")) {
            edited(engine, 7);
            int arrays = model.manager.getManagedArrays().size();
            edited(engine, 7);
            edited(engine, 8);
            assertEquals(arrays, model.manager.getManagedArrays().size());
        }
    }
}
