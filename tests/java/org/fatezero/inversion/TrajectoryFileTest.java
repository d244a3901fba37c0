package org.fatezero.inversion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.Golden;
import org.fatezero.Tiny;
import org.fatezero.tensor.TensorWriter;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

class TrajectoryFileTest {

    private static final int STEPS = 2;
    private static final List<TokenSet> WORDS = TokenSet.ofEachWordToken(3, TokenSet.MASK_CELLS);
    private static final Shape LATENT = new Shape(2, 4, 8, 12);
    private static final TokenSet TOKENS = TokenSet.of(new int[] {1, 3}, TokenSet.MASK_CELLS);
    private static final CaptureSpec EDIT = CaptureSpec.ofTokens(List.of(TOKENS));

    private static Tiny tiny;

    @TempDir
    private Path folder;

    @BeforeAll
    static void open() throws Exception {
        tiny = new Tiny();
    }

    @AfterAll
    static void close() {
        tiny.close();
    }

    private TrajectoryFile file() {
        return new TrajectoryFile(folder.resolve("x.safetensors"), "key", STEPS, WORDS, false);
    }

    private Trajectory read(NDManager window) throws IOException {
        return file().read(window, tiny.torch, LATENT, List.of(EDIT));
    }

    @Test
    void whatIsReadIsWhatWasInverted() throws Exception {
        try (NDManager window = tiny.manager.newSubManager(); NDManager another = tiny.manager.newSubManager()) {
            Trajectory inverted = new DdimInversion(tiny.unet, Tiny.schedule(STEPS), tiny.torch).run(tiny.normal(window, 2, 4, 8, 12),
                    tiny.text("a silver jeep"), Tiny.context(2, "mid"), List.of(CaptureSpec.ofTokens(WORDS), EDIT), (step, steps) -> { });
            int arrays = window.getManagedArrays().size();
            file().write(inverted, Map.of("source", "a silver jeep"));
            assertEquals(arrays, window.getManagedArrays().size());

            Trajectory read = read(another);
            for (int level = 0; level <= STEPS; level++) {
                assertEquals(inverted.latents().get(level), read.latents().get(level));
            }
            for (int k = 0; k < STEPS; k++) {
                Golden.assertClose(inverted.attention().get(k).tokens(TOKENS).sum(), read.attention().get(k).tokens(TOKENS).sum(), 1e-5,
                        "mask " + k);
            }
            assertEquals(2 * STEPS + 1, another.getManagedArrays().size(), "nothing else stays");
            CaptureSpec none = CaptureSpec.ofTokens(List.of());
            assertNull(file().read(another, tiny.torch, LATENT, List.of(none)).attention().get(0).tokens(TOKENS));
        }
    }

    @Test
    void nothingIsReadFromADamagedFile() throws Exception {
        try (NDManager window = tiny.manager.newSubManager()) {
            DdimInversion inversion = new DdimInversion(tiny.unet, Tiny.schedule(STEPS), tiny.torch);
            file().write(inversion.run(tiny.normal(window, 2, 4, 8, 12), tiny.text("a silver jeep"), Tiny.context(2, "mid"),
                    List.of(CaptureSpec.ofTokens(WORDS)), (step, steps) -> { }), Map.of("source", "a silver jeep"));
            byte[] whole = Files.readAllBytes(file().path());
            Trajectory written = read(window);
            Random random = new Random(1);
            int refused = 0;
            for (int i = 0; i < 300; i++) {
                byte[] damaged = whole.clone();
                // as often in the header, which has a tenth of the bytes, as in the tensors
                int bit = random.nextInt(8 * (i % 2 == 0 ? whole.length : 1000));
                damaged[bit / 8] ^= (byte) (1 << bit % 8);
                Files.write(file().path(), damaged);
                try (NDManager temporary = tiny.manager.newSubManager()) {
                    Trajectory read = read(temporary); // fine if it is a note for people that the bit is in
                    for (int level = 0; level <= STEPS; level++) {
                        assertEquals(written.latents().get(level), read.latents().get(level), "bit " + bit);
                    }
                    for (int k = 0; k < STEPS; k++) {
                        assertEquals(written.attention().get(k).tokens(TOKENS).sum(), read.attention().get(k).tokens(TOKENS).sum(),
                                "bit " + bit);
                    }
                } catch (IOException e) {
                    assertTrue(e.getMessage().contains(file().path().toString()), e.getMessage());
                    refused++;
                }
            }
            assertTrue(refused > 270, refused + " of 300");
        }
    }

    @Test
    void aFileThatIsNotThere() {
        assertThrows(NoSuchFileException.class, () -> read(tiny.manager));
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "key; latents.2; 2,4,8,12; words.1; 2,3,9,12; words.1 is F32 [2, 3, 9, 12], expected F32 [2, 3, 8, 12]",
        "key; latents.2; 2,4,8,12; words.1; 2,3,0,12; expected F32 [2, 3, 1, 12]",
        "key; latents.2; 2,4,8,12; words.1; 2,2,4,4; expected F32 [2, 3, 4, 4]",
        "key; latents.2; 2,4,8,12; words.1; 2,3; expected F32 [2, 3, 1, 1]",
        "key; latents.2; 2,4,8,12; word.1; 2,3,4,4; words.1 is missing",
        "key; latents.2; 2,4,12,8; words.1; 2,3,4,4; latents.2 is F32 [2, 4, 12, 8], expected F32 [2, 4, 8, 12]",
        "key; latents.3; 2,4,8,12; words.1; 2,3,4,4; latents.2 is missing",
        "other; latents.2; 2,4,8,12; words.1; 2,3,4,4; another inversion"})
    void aFileOfAnotherMaking(String key, String last, String lastShape, String words, String wordsShape, String told) throws Exception {
        try (NDManager window = tiny.manager.newSubManager()) {
            Map<String, NDArray> tensors = new LinkedHashMap<>();
            tensors.put("latents.0", window.zeros(LATENT));
            tensors.put("latents.1", window.zeros(LATENT));
            tensors.put(last, window.zeros(shape(lastShape)));
            tensors.put("words.0", window.zeros(new Shape(2, 3, 4, 4)));
            tensors.put(words, window.zeros(shape(wordsShape)));
            TensorWriter.write(file().path(), tensors, Map.of("key", key));
            String message = assertThrows(IOException.class, () -> read(window)).getMessage();
            assertTrue(message.contains(file().path().toString()) && message.contains(told), message);
        }
    }

    private static Shape shape(String text) {
        return new Shape(Arrays.stream(text.split(",")).mapToLong(Long::parseLong).toArray());
    }

    @Test
    void numbersThatAreNone() throws Exception {
        try (NDManager window = tiny.manager.newSubManager()) {
            Map<String, NDArray> tensors = new LinkedHashMap<>();
            for (int level = 0; level <= STEPS; level++) {
                tensors.put("latents." + level, window.full(LATENT, level == 1 ? Float.NaN : 0));
            }
            TensorWriter.write(file().path(), tensors, Map.of("key", "key"));
            String message = assertThrows(IOException.class, () -> read(window)).getMessage();
            assertTrue(message.endsWith("latents.1 is not finite"), message);
        }
    }
}
