package org.fatezero.edit.fatezero;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.edit.Ddim;
import org.fatezero.edit.region.Regions;
import org.fatezero.tensor.Torch;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ForgettingTest {

    private NDManager manager;
    private Torch torch;

    @BeforeEach
    void open() throws Exception {
        manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
        torch = new Torch(manager);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    private Forgetting forgetting(double share) {
        return new Forgetting(new Ddim(torch), torch, share, Regions.none(torch));
    }

    /** Two frames of a flat colour, and a checkerboard over it. */
    private NDArray latents(float colour, float board, int h, int w) {
        float[] values = new float[2 * h * w];
        for (int i = 0; i < values.length; i++) {
            values[i] = colour + ((i % w + i / w) % 2 == 0 ? board : -board);
        }
        return manager.create(values, new Shape(2, 1, h, w));
    }

    @ParameterizedTest
    @CsvSource({"1, 16, 16", "0.25, 16, 16", "1, 13, 18", "0.5, 3, 2"})
    void aShareOfTheColourGoesAndTheDetailStays(double share, int h, int w) {
        NDArray z = latents(3, 0, h, w);
        NDArray colour = forgetting(share).forget(z, null);
        assertEquals(z.getShape(), colour.getShape());
        assertTrue(colour.sub(3 * (1 - share)).abs().max().getFloat() < 1e-5);
        if (h % 8 == 0) { // a board of whole blocks has no low frequencies but at its edges
            NDArray board = latents(0, 1, h, w);
            NDArray inside = forgetting(share).forget(board, null).sub(board).get(":, :, 4:-4, 4:-4");
            assertTrue(inside.abs().max().getFloat() < 0.05, () -> inside.abs().max().toString());
        }
    }

    @Test
    void onlyWhereItMay() {
        NDArray z = latents(3, 1, 16, 16);
        float[] half = new float[2 * 256];
        for (int i = 0; i < half.length; i++) {
            half[i] = i % 16 < 8 ? 1 : 0;
        }
        NDArray forgotten = forgetting(1).forget(z, manager.create(half, new Shape(2, 1, 16, 16)));
        assertArrayEquals(z.get(":, :, :, 8:").toFloatArray(), forgotten.get(":, :, :, 8:").toFloatArray());
        assertEquals(0, forgotten.get(":, :, :, :8").mean().getFloat(), 0.05);
    }

    @Test
    void leavesNothingBehindButTheResult() {
        NDArray z = latents(3, 1, 16, 16);
        int arrays = manager.getManagedArrays().size();
        forgetting(0.5).forget(z, null).close();
        assertEquals(arrays, manager.getManagedArrays().size());
    }
}
