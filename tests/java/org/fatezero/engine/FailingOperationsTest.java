package org.fatezero.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;

import org.fatezero.TinyOptions;
import org.fatezero.model.Model;
import org.fatezero.model.Models;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.lang.reflect.Field;
import java.nio.ByteBuffer;

/**
 * A window of which one operation of libtorch fails, the first, or a later one, to the last: the error comes out, or the window is
 * right; no array stays behind, and the next window is right. {@code -Dcases=750} tries that many operations.
 */
class FailingOperationsTest {

    private static final int CASES = Integer.getInteger("cases", 40);
    private static final String TINY = "tests/golden/tiny";

    /** The operations, of which one fails. */
    private static final class Failing extends PtSymbolBlock {
        private final Long handle;
        private final String error;
        private int calls;
        private int failing;

        Failing(NDManager manager, PtSymbolBlock operations, String error) {
            super((PtNDManager) manager, 0);
            this.error = error;
            handle = operations.getHandle();
        }

        @Override
        public Long getHandle() {
            if (++calls == failing) {
                throw new EngineException(error);
            }
            return handle;
        }

        void fail(int n) {
            calls = 0;
            failing = n;
        }

        @Override
        public void close() {
            // what it stands for is closed
        }
    }

    private static byte[] edited(Engine engine) throws Exception {
        ByteBuffer[] frames = {ByteBuffer.allocateDirect(32 * 24 * 3), ByteBuffer.allocateDirect(32 * 24 * 3)};
        for (int i = 0; i < 2 * frames[0].capacity(); i++) {
            frames[i % 2].put(i / 2, (byte) (i * 31 % 251));
        }
        engine.edit(frames, new int[] {96, 96}, frames, new int[] {96, 96}, 32, 24, 8);
        byte[] result = new byte[frames[0].capacity()];
        frames[1].get(0, result);
        return result;
    }

    private static void assertSameFrames(byte[] expected, byte[] frames, String when) {
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i] & 255, frames[i] & 255, 1, when + ", sample " + i);
        }
    }

    private static Field field(Class<?> owner, String name) throws NoSuchFieldException {
        Field field = owner.getDeclaredField(name);
        field.setAccessible(true);
        return field;
    }

    @ParameterizedTest
    @ValueSource(strings = {"an operation failed",
        "CUDA out of memory. Tried to allocate 20.50 MiB. GPU 0 has a total capacity of 7.79 GiB"})
    void theNextWindowIsRight(String error) throws Exception {
        Model model = Models.acquire(TINY, "", Device.cpu(), DataType.FLOAT32, new TinyOptions.Silent());
        Object script = field(model.torch.getClass(), "script").get(model.torch);
        Field module = field(script.getClass(), "module");
        PtSymbolBlock whole = (PtSymbolBlock) module.get(script);
        NDManager owner = NDManager.newBaseManager(Device.cpu(), "PyTorch");
        Failing operations = new Failing(owner, whole, error);
        try (owner; Engine engine = new Engine(TinyOptions.of(TINY, "blend", "jeep", "steps", "1"), new TinyOptions.Silent())) {
            byte[] expected = edited(engine);
            module.set(script, operations);
            operations.fail(0);
            edited(engine);
            int all = operations.calls;
            int before = model.manager.getManagedArrays().size();
            int thrown = 0;
            int tried = 0;
            for (int n = 1; n <= all; n += Math.max(1, all / CASES)) {
                operations.fail(n);
                tried++;
                try {
                    assertSameFrames(expected, edited(engine), "operation " + n);
                } catch (EngineException e) {
                    assertEquals(error, e.getMessage());
                    thrown++;
                } catch (OutOfMemoryError e) {
                    assertTrue(e.getMessage().startsWith("no memory left for 2 frames"), e.getMessage());
                    thrown++;
                }
                operations.fail(0);
                assertSameFrames(expected, edited(engine), "after operation " + n);
                assertEquals(before, model.manager.getManagedArrays().size(), "arrays after operation " + n);
            }
            System.out.println(tried + " of " + all + " operations failed, " + thrown + " errors came out: " + error);
            assertTrue(tried >= Math.min(all, CASES), tried + " of " + all);
            assertTrue(thrown > 0);
        } finally {
            module.set(script, whole);
            Models.release(model);
        }
    }
}
