package org.fatezero.edit.region;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.forward.Site;
import org.fatezero.inversion.TokenAttention;
import org.fatezero.inversion.TokenSet;
import org.fatezero.tensor.Torch;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.util.List;

class BlendMaskTest {

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

    /** One value a position of two frames of two rows and five columns. */
    private TokenAttention input(float... values) {
        TokenAttention input = new TokenAttention(manager, torch, TokenSet.of(new int[] {0}, 5), 2);
        input.add(new Site("site", Site.Part.UP, true, 0, 4, 2, 5, 2, 5), manager.create(values, new Shape(1, 1, 20, 1)));
        return input;
    }

    private final float[] values = {
        8, 0, 0, 0, 0,
        0, 0, 0, 0, 2,
        0, 0, 1, 0, 0,
        0, 0, 0, 0, 0.25f};

    @Test
    void whatIsAboveTheThresholdOfItsFramesMaximumSpreadsToItsNeighbours() {
        NDArray mask = new BlendMask(torch, 0.5).at(manager, input(values), 2, 5);
        assertArrayEquals(new float[] {
            1, 1, 0, 0, 0,
            1, 1, 0, 0, 0,
            0, 1, 1, 1, 0,
            0, 1, 1, 1, 0}, mask.toFloatArray());
        assertEquals(new Shape(2, 1, 2, 5), mask.getShape());
    }

    @Test
    void withoutPoolingItIsThoseCellsAlone() {
        float[] narrow = {
            1, 0, 0, 0, 0,
            0, 0, 0, 0, 0,
            0, 0, 1, 0, 0,
            0, 0, 0, 0, 0};
        BlendMask mask = new BlendMask(torch, 0.5, false, false);
        TokenAttention input = input(values);
        assertArrayEquals(narrow, mask.at(manager, input, 2, 5).toFloatArray());
        assertArrayEquals(narrow, mask.at(manager, input, 2, 5).toFloatArray(), "the sum is still there");
        assertEquals(0.25f, mask.attention(manager, input).get(0, 0, 1, 4).getFloat());
    }

    @Test
    void ofWordsThatStayItIsAllElse() {
        BlendMask mask = new BlendMask(torch, 0.5);
        BlendMask inverted = new BlendMask(torch, 0.5, true, true);
        NDArray where = mask.at(manager, input(values), 2, 5);
        NDArray elsewhere = inverted.at(manager, input(values), 2, 5);
        assertArrayEquals(where.mul(-1).add(1).toFloatArray(), elsewhere.toFloatArray());
    }

    /** Of words that are in either of two sums. */
    @Test
    void severalSumsMakeTheUnionOfTheirMasks() {
        float[] reversed = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            reversed[i] = values[values.length - 1 - i];
        }
        for (boolean inverted : new boolean[] {false, true}) {
            BlendMask mask = new BlendMask(torch, 0.5, inverted, true);
            NDArray one = mask.at(manager, input(values), 2, 5);
            NDArray other = mask.at(manager, input(reversed), 2, 5);
            NDArray both = mask.of(mask.share(manager, List.of(input(values), input(reversed)), 2, 5));
            assertArrayEquals((inverted ? one.minimum(other) : one.maximum(other)).toFloatArray(), both.toFloatArray());
        }
    }

    @Test
    void theThresholdItselfIsOutside() {
        NDArray at = new BlendMask(torch, 0.25).at(manager, input(values), 2, 5);
        NDArray below = new BlendMask(torch, 0.24).at(manager, input(values), 2, 5);
        assertEquals(0, at.get(0, 0, 1, 4).getFloat());
        assertEquals(1, below.get(0, 0, 1, 4).getFloat());
    }

    @Test
    void isResizedToAnySiteWithoutNewValues() {
        NDArray mask = new BlendMask(torch, 0.5).at(manager, input(values), 4, 10);
        assertEquals(new Shape(2, 1, 4, 10), mask.getShape());
        assertEquals(4 * 4 + 4 * 6, mask.sum().getFloat());
        assertEquals(new Shape(2, 1, 1, 3), new BlendMask(torch, 0.5).at(manager, input(values), 1, 3).getShape());
    }

    @Test
    void noThresholdBelowOneIsNeverReached() {
        assertEquals(0, new BlendMask(torch, 1).at(manager, input(values), 2, 5).sum().getFloat());
        assertEquals(20, new BlendMask(torch, 0).at(manager, input(new float[] {
            1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}), 2, 5).sum().getFloat());
    }

    @Test
    void wordsThatNothingLooksAtMaskNothingIn() {
        assertEquals(0, new BlendMask(torch, 0.3).at(manager, input(new float[20]), 2, 5).sum().getFloat());
    }

    @Test
    void leavesNothingBehindButTheMask() {
        TokenAttention input = input(values);
        int arrays = manager.getManagedArrays().size();
        new BlendMask(torch, 0.3).at(manager, input, 4, 4).close();
        assertEquals(arrays, manager.getManagedArrays().size());
    }

    @Test
    void aModelWithoutAttentionAtThatResolutionIsToldSo() {
        TokenAttention none = new TokenAttention(manager, torch, TokenSet.of(new int[] {0}, 5), 2);
        String message = assertThrows(IllegalArgumentException.class, () -> new BlendMask(torch, 0.3).at(manager, none, 2, 5)).getMessage();
        assertTrue(message.contains("blend"), message);
    }
}
