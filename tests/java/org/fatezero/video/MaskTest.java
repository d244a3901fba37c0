package org.fatezero.video;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.fatezero.tensor.Torch;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class MaskTest {

    /** Of a host's memory whose rows are longer than the picture. */
    private static Mask mask(int width, int height, int... samples) {
        int stride = width + 3;
        ByteBuffer pixels = ByteBuffer.allocateDirect(stride * (height - 1) + width);
        for (int i = 0; i < samples.length; i++) {
            pixels.put(i / width * stride + i % width, (byte) samples[i]);
        }
        return Mask.of(pixels, stride, width, height);
    }

    @Test
    void cellsAreTheMeanOfWhatTheyCover() throws IOException {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Torch torch = new Torch(manager);
            List<Mask> masks = List.of(mask(4, 2, 0, 255, 255, 255, 0, 255, 255, 255), mask(1, 1, 51), Mask.ALL);
            NDArray cells = Mask.at(masks, 1, 2, manager, torch);
            assertArrayEquals(new long[] {3, 1, 1, 2}, cells.getShape().getShape());
            assertArrayEquals(new float[] {0.5f, 1, 0.2f, 0.2f, 1, 1}, cells.toFloatArray(), 0);
        }
    }

    @Test
    void memoryThatDoesNotHoldItIsRefused() {
        ByteBuffer pixels = ByteBuffer.allocateDirect(11);
        assertEquals(4, Mask.of(pixels, 7, 4, 2).width());
        for (int[] size : new int[][] {{7, 5, 2}, {3, 4, 2}, {7, 0, 1}, {7, 4, 0}, {8, 4, 2}}) {
            String told = assertThrows(IllegalArgumentException.class, () -> Mask.of(pixels, size[0], size[1], size[2])).getMessage();
            assertTrue(told.startsWith("a mask of "));
        }
        assertThrows(IllegalArgumentException.class, () -> Mask.of(ByteBuffer.allocate(11), 7, 4, 2), "of the heap");
    }
}
