package org.fatezero.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.TinyOptions;
import org.fatezero.device.OutOfMemory;
import org.fatezero.model.Model;
import org.fatezero.model.Models;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** Windows of the tiny model that find no room: the host, which each step asks, says so in the allocator's words. */
class OutOfMemoryTest {

    private static final String TINY = "tests/golden/tiny";
    private static final String CUDA = "CUDA out of memory. Tried to allocate 20.50 MiB. GPU 0 has a total capacity of 7.79 GiB";
    private static final int BYTES = 32 * 24 * 3;

    /** Lets memory run out as often as {@code times} at a step of a phase. */
    private static final class Full extends TinyOptions.Silent {
        private final String phase;
        private final int at;
        private int times;
        private final RuntimeException thrown;
        private final List<String> phases = new ArrayList<>();
        private final List<String> warnings = new ArrayList<>();

        Full(String phase, int at, int times, RuntimeException thrown) {
            this.phase = phase;
            this.at = at;
            this.times = times;
            this.thrown = thrown;
        }

        @Override
        public boolean step(String now, int step, int steps) {
            if (phases.isEmpty() || !phases.get(phases.size() - 1).equals(now)) {
                phases.add(now);
            }
            if (now.equals(phase) && step == at && times-- > 0) {
                throw thrown;
            }
            return true;
        }

        @Override
        public void log(int level, String message) {
            if (level <= WARNING) {
                warnings.add(message);
            }
        }
    }

    private static ByteBuffer[] frames() {
        ByteBuffer[] frames = new ByteBuffer[3];
        for (int i = 0; i < 3; i++) {
            frames[i] = ByteBuffer.allocateDirect(BYTES);
            for (int j = 0; j < BYTES; j++) {
                frames[i].put(j, (byte) (40 * i + j / 3 % 97));
            }
        }
        return frames;
    }

    /** Three frames of 32x24, edited in place. */
    private static int[] edited(Engine engine) throws Exception {
        ByteBuffer[] frames = frames();
        int[] strides = {96, 96, 96};
        engine.edit(frames, strides, frames, strides, 32, 24, 8);
        return Arrays.stream(frames).flatMapToInt(frame -> IntStream.range(0, BYTES).map(i -> frame.get(i) & 255)).toArray();
    }

    private static void assertSameFrames(int[] expected, int[] frames) {
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], frames[i], 1, "sample " + i);
        }
    }

    @ParameterizedTest
    @CsvSource({"invert, 1, jeep, keep", "edit, 0, jeep, keep", "edit, 1, '', keep", "edit, 1, jeep, recompute"})
    void aWindowIsMadeAgainInLessAndThoseAfterItAtOnce(String phase, int at, String blend, String store) throws Exception {
        String[] set = {"blend", blend, "blend_latents", blend.isEmpty() ? "0" : "1", "store", store};
        Full host = new Full(phase, at, 1, new EngineException(CUDA));
        Model model = Models.acquire(TINY, "", Device.cpu(), DataType.FLOAT32, host);
        try (Engine whole = new Engine(TinyOptions.of(TINY, set), new TinyOptions.Silent())) {
            int[] expected = edited(whole);
            int before = model.manager.getManagedArrays().size();
            try (Engine engine = new Engine(TinyOptions.of(TINY, set), host)) {
                assertSameFrames(expected, edited(engine));
                assertEquals(2, host.phases.stream().filter("encode"::equals).count());
                assertEquals(1, host.warnings.size(), host.warnings.toString());
                assertTrue(host.warnings.get(0).startsWith("no memory left for 3 frames edited at 88x64"), host.warnings.get(0));
                host.phases.clear();
                assertSameFrames(expected, edited(engine));
                assertEquals(List.of("encode", "invert", "edit", "decode"), host.phases);
                assertEquals(1, host.warnings.size(), "told once");
            }
            assertEquals(before, model.manager.getManagedArrays().size());
        } finally {
            Models.release(model);
        }
    }

    @Test
    void severalEditsFindRoomToo() throws Exception {
        String[] set = {"presets", "monet|cartoon", "prompt", ""};
        List<int[]> edits = new ArrayList<>();
        for (Host host : List.of(new TinyOptions.Silent(), new Full("edit", 2, 1, new EngineException(CUDA)))) {
            var options = TinyOptions.of(TINY, set);
            options.remove("prompt");
            try (Engine engine = new Engine(options, host)) {
                ByteBuffer[] target = new ByteBuffer[6];
                Arrays.setAll(target, i -> ByteBuffer.allocateDirect(BYTES));
                engine.edit(frames(), new int[] {96, 96, 96}, target, new int[] {96, 96, 96, 96, 96, 96}, 32, 24, 8);
                edits.add(Arrays.stream(target).flatMapToInt(frame -> IntStream.range(0, BYTES).map(i -> frame.get(i) & 255)).toArray());
            }
        }
        assertSameFrames(edits.get(0), edits.get(1));
    }

    /** The second time finds the inversion that the first one kept. */
    @Test
    void anInversionOnDiskIsNotMadeTwice(@TempDir Path folder) throws Exception {
        Full host = new Full("edit", 1, 1, new EngineException(CUDA));
        try (Engine engine = new Engine(TinyOptions.of(TINY, "inversion", folder.toString()), host)) {
            edited(engine);
        }
        assertEquals(List.of("encode", "invert", "edit", "decode"), host.phases);
    }

    @ParameterizedTest
    @CsvSource({"invert, 0, 2", "edit, 1, 2", "decode, 1, 1"})
    void thereIsNoRoomAtAll(String phase, int at, int tries) throws Exception {
        Full host = new Full(phase, at, tries, new EngineException(CUDA));
        try (Engine engine = new Engine(TinyOptions.of(TINY), host)) {
            String message = assertThrows(OutOfMemoryError.class, () -> edited(engine)).getMessage();
            assertEquals("no memory left for 3 frames edited at 88x64: 20.50 MiB more are needed; lower window= or size=", message);
            edited(engine);
        }
    }

    @Test
    void otherErrorsAreNotTriedTwice() throws Exception {
        EngineException other = new EngineException("CUDA error: an illegal memory access was encountered");
        Full host = new Full("edit", 1, 1, other);
        try (Engine engine = new Engine(TinyOptions.of(TINY), host)) {
            assertSame(other, assertThrows(EngineException.class, () -> edited(engine)));
        }
        assertEquals(List.of("encode", "invert", "edit"), host.phases);
    }

    @ParameterizedTest
    @ValueSource(strings = {CUDA, "CUDA error: out of memory", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED", "std::bad_alloc",
        "RuntimeError: could not create a primitive\n", "/lib/libtorch_cpu.so: failed to map segment from shared object",
        "libc10.so: cannot create shared object descriptor: Cannot allocate memory"})
    void libtorchsWords(String message) {
        assertTrue(OutOfMemory.is(new EngineException(message)));
        assertFalse(OutOfMemory.is(new EngineException((String) null)));
        assertFalse(OutOfMemory.is(new EngineException("could not create a primitive descriptor for a convolution")));
    }

    @Test
    void theCpusOwnWords() {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            RuntimeException thrown = assertThrows(EngineException.class, () -> manager.zeros(new Shape(1L << 45)));
            assertTrue(OutOfMemory.is(thrown), thrown.toString());
            assertEquals("no memory left for it: 134217728 MiB more are needed; leave it",
                    OutOfMemory.error("it", "leave it", thrown).getMessage());
        }
    }
}
