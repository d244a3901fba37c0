package org.fatezero.edit.fatezero;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.edit.fatezero.CrossAttentionControl.Gate;
import org.fatezero.tensor.Torch;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.List;

/** Maps of one row and three tokens; the target's third token is new, its second is the source's first. */
class CrossAttentionControlTest {

    private static final Alignment ALIGNMENT = new Alignment(new float[][] {{0, 1, 0}, {1, 0, 0}, {0, 0, 0}}, new float[] {0, 0, 1});
    private static final float[] PLAIN = {1, 1, 1};
    private static final int[] ALL = {0, 1, 2};

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

    private CrossAttentionControl fusion(int steps, float[] emphasis, Gate... gates) {
        return new CrossAttentionControl(manager, torch, ALIGNMENT, emphasis, List.of(gates), steps);
    }

    private float[] fused(CrossAttentionControl fusion, int step) {
        NDArray source = manager.create(new float[] {10, 20, 30}, new Shape(1, 1, 1, 3));
        NDArray edit = manager.create(new float[] {1, 2, 3}, new Shape(1, 1, 1, 3));
        return fusion.fuse(source, edit, step).toFloatArray();
    }

    /** The last open step is the authors' {@code (int) (share * (T + 1))}, less one. */
    @ParameterizedTest
    @CsvSource({"50, 0.8, 40", "50, 0.5, 25", "10, 0.8, 8", "10, 0.1, 1", "10, 0.05, 0", "10, 0, 0", "3, 0.5, 2", "1, 0.4, 0", "1, 0.8, 1",
        "7, 1, 7"})
    void aGateIsOpenForItsShareOfTheSteps(int steps, double share, int open) {
        CrossAttentionControl fusion = fusion(steps, PLAIN, new Gate(ALL, 0, share));
        assertEquals(open, fusion.activeSteps());
        for (int j = 0; j < steps; j++) {
            assertArrayEquals(j < open ? new float[] {20, 10, 3} : new float[] {1, 2, 3}, fused(fusion, j), "step " + j);
        }
    }

    @Test
    void aGateMayOpenLater() {
        CrossAttentionControl fusion = fusion(10, PLAIN, new Gate(ALL, 0.3, 0.6));
        assertEquals(6, fusion.activeSteps());
        assertArrayEquals(new float[] {1, 2, 3}, fused(fusion, 2));
        assertArrayEquals(new float[] {20, 10, 3}, fused(fusion, 3));
    }

    @Test
    void aTokensOwnGateOverridesThatOfAll() {
        CrossAttentionControl fusion = fusion(10, PLAIN, new Gate(ALL, 0, 0.8), new Gate(new int[] {1}, 0, 0.2));
        assertArrayEquals(new float[] {20, 10, 3}, fused(fusion, 1));
        assertArrayEquals(new float[] {20, 2, 3}, fused(fusion, 2));
        assertEquals(8, fusion.activeSteps());
        assertEquals(10, fusion(10, PLAIN, new Gate(ALL, 0, 0.5), new Gate(new int[] {2}, 0, 1)).activeSteps());
    }

    @Test
    void emphasisMultipliesATokenWhileItsGateIsOpen() {
        CrossAttentionControl fusion = fusion(10, new float[] {1, 0.5f, 10}, new Gate(ALL, 0, 0.5));
        assertArrayEquals(new float[] {20, 5, 30}, fused(fusion, 0));
        assertArrayEquals(new float[] {1, 2, 3}, fused(fusion, 9));
    }

    @Test
    void emphasisOfATokenWhoseGateIsNeverOpenIsLost() {
        float[] emphasis = {1, 1, 10};
        assertFalse(fusion(10, emphasis, new Gate(ALL, 0, 0.5)).losesEmphasis());
        assertTrue(fusion(10, emphasis, new Gate(ALL, 0, 0.5), new Gate(new int[] {2}, 0, 0)).losesEmphasis());
        assertTrue(fusion(10, emphasis, new Gate(ALL, 0, 0)).losesEmphasis());
        assertFalse(fusion(10, PLAIN).losesEmphasis());
    }

    @Test
    void withoutGatesTheEditIsLeftAlone() {
        assertEquals(0, fusion(10, PLAIN).activeSteps());
        assertArrayEquals(new float[] {1, 2, 3}, fused(fusion(10, PLAIN), 0));
    }

    @Test
    void matricesAreMadeOnceForEachSetOfOpenGates() {
        CrossAttentionControl fusion = fusion(100, PLAIN, new Gate(ALL, 0, 0.5), new Gate(new int[] {1}, 0, 0.2));
        for (int j = 0; j < 100; j++) {
            fused(fusion, j);
        }
        int arrays = manager.getManagedArrays().size();
        for (int j = 0; j < 100; j++) {
            fused(fusion, j);
        }
        assertEquals(arrays + 300, manager.getManagedArrays().size(), "two maps and their fusion a step");
    }
}
