package org.fatezero.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.types.DataType;

import org.fatezero.TinyOptions;
import org.fatezero.engine.Engine;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.stream.Collectors;
import java.util.stream.Stream;

class ModelsTest {

    private static final String ONE = "tests/golden/tiny";

    @TempDir
    private static Path copies;
    private static String second;
    private static String third;

    @BeforeAll
    static void copyTheModel() throws Exception {
        second = copies.resolve("two").toString();
        third = copies.resolve("three").toString();
        TinyOptions.copyModel(Path.of(second));
        TinyOptions.copyModel(Path.of(third));
    }

    private static Model acquire(String name) throws Exception {
        return Models.acquire(name, "", Device.cpu(), DataType.FLOAT32, new TinyOptions.Silent());
    }

    private static Engine open(String name) throws Exception {
        return new Engine(TinyOptions.of(name, "steps", "1", "size", "16"), new TinyOptions.Silent());
    }

    private static void assertWorks(Engine engine) throws Exception {
        ByteBuffer[] frame = {ByteBuffer.allocateDirect(3 * 16 * 16)};
        engine.edit(frame, new int[] {48}, frame, new int[] {48}, 16, 16, 8);
        assertFalse(frame[0].equals(ByteBuffer.allocateDirect(3 * 16 * 16)), "the frame is edited");
    }

    @Test
    void enginesOfOneModelShareItAndTheLastToGoLeavesItForTheNext() throws Exception {
        Model model = acquire(ONE);
        Models.release(model);
        try (Engine before = open(ONE)) {
            assertWorks(before); // the embeddings of its timesteps stay with the model
        }
        int weights = model.manager.getManagedArrays().size();
        try (Engine first = open(ONE); Engine second = open(ONE)) {
            assertSame(model, acquire(ONE));
            Models.release(model);
            first.close();
            assertWorks(second);
        }
        assertTrue(model.manager.isOpen());
        assertEquals(weights, model.manager.getManagedArrays().size());
        assertSame(model, acquire(ONE));
        Models.release(model);
    }

    @Test
    void aModelOutOfUseGoesWhenAnotherComes() throws Exception {
        Model one = acquire(ONE);
        Model two = acquire(second);
        assertNotSame(one, two);
        assertTrue(one.manager.isOpen(), "in use");
        Models.release(one);
        Model three = acquire(third);
        assertFalse(one.manager.isOpen());
        assertTrue(two.manager.isOpen());
        Models.release(two);
        Models.release(three);
    }

    @Test
    void aModelByAnotherNameIsTheSame(@TempDir Path folder) throws Exception {
        Model one = acquire(ONE);
        Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of(ONE).toAbsolutePath());
        for (String name : List.of("tests/golden/../golden/tiny", link.toString())) {
            assertSame(one, acquire(name));
            Models.release(one);
        }
        Models.release(one);
    }

    /** A host may live for long, and a folder be tuned again meanwhile. */
    @ParameterizedTest
    @ValueSource(strings = {"unet/diffusion_pytorch_model.safetensors", "scheduler/scheduler_config.json", "tokenizer/vocab.json"})
    void aModelThatIsWrittenAnewIsLoadedAnew(String file, @TempDir Path folder) throws Exception {
        TinyOptions.copyModel(folder);
        Model first = acquire(folder.toString());
        Files.write(folder.resolve(file), Files.readAllBytes(folder.resolve(file)));
        Model second = acquire(folder.toString());
        assertNotSame(first, second);
        assertTrue(first.manager.isOpen(), "in use");
        Models.release(first);
        Models.release(second);
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "HF_HUB_CACHE=/h HF_HOME=/f XDG_CACHE_HOME=/x; /h",
        "HF_HUB_CACHE= HF_HOME=/f XDG_CACHE_HOME=/x; /f/hub",
        "HF_HOME= XDG_CACHE_HOME=/x HOME=/y; /x/huggingface/hub",
        "XDG_CACHE_HOME= HOME=/y; /y/.cache/huggingface/hub",
        "HOME=; USER/.cache/huggingface/hub"})
    void theHubCacheIsWhereItsVariablesSay(String variables, String folder) {
        Map<String, String> set = Stream.of(variables.split(" ")).map(text -> text.split("=", 2))
                .collect(Collectors.toMap(v -> v[0], v -> v[1]));
        assertEquals(Path.of(folder.replace("USER", System.getProperty("user.home"))),
                ModelFolder.hubCache(name -> set.getOrDefault(name, "")));
    }

    @Test
    void aNameOfTheHubCacheIsItsNewestSnapshot() throws Exception {
        Path cached = Path.of(System.getenv("HF_HUB_CACHE"), "models--someone--a.model-1");
        Path snapshot = Files.createDirectories(cached.resolve("snapshots/0123abc"));
        TinyOptions.copyModel(snapshot);
        Files.createDirectories(cached.resolve("refs"));
        Files.deleteIfExists(cached.resolve("refs/main")); // of an earlier run
        String message = assertThrows(NoSuchFileException.class, () -> open("someone/a.model-1")).getMessage();
        assertTrue(message.contains(cached.toString()), message);
        Files.writeString(cached.resolve("refs/main"), "../snapshots/0123abc");
        assertThrows(NoSuchFileException.class, () -> open("someone/a.model-1").close());
        Files.writeString(cached.resolve("refs/main"), "0123abc\n");
        try (Engine engine = open("someone/a.model-1")) {
            assertWorks(engine);
        }
    }

    @Test
    void theBuiltInModelWorksWithoutAnyFile() throws Exception {
        try (Engine engine = open("pocket")) {
            assertWorks(engine);
        }
    }

    /** Words it never learnt, of no alphabet it knows, change the frame all the same. */
    @ParameterizedTest
    @ValueSource(strings = {"a red jeep, zxqv flurble", "леопард на льду", "🦓🏔️", "x", "a\u0000b"})
    void theBuiltInModelTakesAnyWords(String prompt) throws Exception {
        try (Engine engine = new Engine(TinyOptions.of("pocket", "steps", "2", "size", "32", "prompt", prompt, "source", prompt + " too"),
                new TinyOptions.Silent())) {
            assertWorks(engine);
        }
    }

    @Test
    void closingTwiceTakesNothingFromAnother() throws Exception {
        try (Engine stays = open(ONE)) {
            Engine goes = open(ONE);
            goes.close();
            goes.close();
            open(second).close();
            assertWorks(stays);
        }
    }

    /** The built-in model has no files either. */
    @Test
    void aFolderWithoutAModelIsNotTheBuiltInOne(@TempDir Path empty) throws Exception {
        open("pocket").close();
        assertThrows(IOException.class, () -> open(empty.toString()).close());
    }

    @Test
    void anEngineThatFailsToOpenHoldsNoModel() throws Exception {
        Model one = acquire(ONE);
        Models.release(one);
        assertThrows(IllegalArgumentException.class,
                () -> new Engine(TinyOptions.of(ONE, "emphasize", "horse=2"), new TinyOptions.Silent()));
        open(second).close();
        assertFalse(one.manager.isOpen());
    }

    @Test
    void loadingCanBeCancelledAndBegunAnew(@TempDir Path folder) throws Exception {
        String name = folder.resolve("tiny").toString();
        TinyOptions.copyModel(Path.of(name));
        List<Integer> told = new ArrayList<>();
        assertThrows(CancellationException.class, () -> Models.acquire(name, "", Device.cpu(), DataType.FLOAT32, new TinyOptions.Silent(),
                (read, all) -> {
                    told.add(read);
                    if (read == 5 && all > 100) {
                        throw new CancellationException();
                    }
                }));
        assertEquals(List.of(0, 1, 2, 3, 4, 5), told);
        Model model = acquire(name);
        assertTrue(model.manager.isOpen());
        Models.release(model);
    }
}
