package org.fatezero.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What {@link Pictures#enlarged} brings back of a picture of 96x72, edited at 40x30. */
class PicturesTest {

    private static final int H = 72;
    private static final int W = 96;

    private final NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
    private Torch torch;

    @BeforeEach
    void open() throws Exception {
        torch = new Torch(manager);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    /** A gray picture of waves, the finest of 2.7 pixels, whose sharp edges no small picture holds. */
    private NDArray source() {
        float[] x = new float[H * W];
        for (int i = 0; i < H * W; i++) {
            double coarse = Math.sin(0.21 * (i % W)) * Math.cos(0.17 * (i / W));
            double fine = Math.sin(2.3 * (i % W) + 0.9 * (i / W));
            x[i] = (float) (0.4 * Math.signum(coarse) + 0.2 * coarse + 0.15 * fine);
        }
        return manager.create(x, new Shape(1, 1, H, W));
    }

    private static NDArray colours(NDArray red, NDArray green, NDArray blue) {
        return NDArrays.concat(new NDList(red, green, blue), 1);
    }

    private NDArray small(NDArray x) {
        return torch.resize(x, 30, 40);
    }

    private static double error(NDArray a, NDArray b, int colour) {
        NDIndex one = new NDIndex().addAllDim().addSliceDim(colour, colour + 1);
        return a.get(one).sub(b.get(one)).abs().mean().getFloat();
    }

    @Test
    void anEditThatFollowsItsSourceGetsItsDetailBackInEachColour() {
        NDArray y = source();
        NDArray edit = colours(y.mul(0.5).add(0.2), y.mul(1.2).sub(0.1), y.mul(0).add(0.3));
        NDArray plain = torch.resize(small(edit), H, W);
        NDArray enlarged = Pictures.enlarged(torch, small(edit), colours(y, y, y), 1);
        assertEquals(edit.getShape(), enlarged.getShape());
        for (int colour = 0; colour < 2; colour++) {
            double before = error(edit, plain, colour);
            double after = error(edit, enlarged, colour);
            assertTrue(before > 0.03 && after < before / 3, colour + ": " + before + " " + after);
        }
        assertEquals(0, error(edit, enlarged, 2), 1e-5);
        NDArray half = Pictures.enlarged(torch, small(edit), colours(y, y, y), 0.5);
        assertEquals(0, half.sub(plain.add(enlarged).div(2)).abs().max().getFloat(), 1e-5);
    }

    @Test
    void whatFollowsOtherThingsOrTheContraryStaysAsItIs() {
        NDArray y = source();
        NDArray other = manager.randomNormal(new Shape(1, 3, H, W));
        NDArray fine = y.sub(torch.resize(small(y), H, W));
        NDArray plain = torch.resize(small(other), H, W);
        NDArray enlarged = Pictures.enlarged(torch, small(other), colours(y, y, y), 1);
        assertTrue(enlarged.sub(plain).abs().mean().getFloat() < 0.25 * fine.abs().mean().getFloat());
        NDArray negative = small(colours(y, y, y).neg());
        assertEquals(0, Pictures.enlarged(torch, negative, colours(y, y, y), 1).sub(torch.resize(negative, H, W)).abs().max().getFloat());
    }
}
