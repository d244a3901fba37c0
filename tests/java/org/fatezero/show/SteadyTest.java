package org.fatezero.show;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.tensor.Torch;
import org.fatezero.video.FrameFormat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

class SteadyTest {

    private static final int SIDE = 64;
    private static final int FRAMES = 12;
    private static final FrameFormat FORMAT = new FrameFormat(SIDE, SIDE, 8);

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

    /** A frame of a pattern that moves to the right by two pixels a frame. */
    private static ByteBuffer film(int i) {
        ByteBuffer frame = ByteBuffer.allocateDirect(3 * SIDE * SIDE);
        for (int j = 0; j < 3 * SIDE * SIDE; j++) {
            frame.put(j, (byte) (128 + 50 * Math.sin(0.37 * (j / 3 % SIDE - 2 * i)) + 50 * Math.sin(0.23 * (j / 3 / SIDE) + j % 3)));
        }
        return frame;
    }

    /** The film as an edit that flickers: each frame darker or brighter than it should be. */
    private NDArray flickering(int frame) {
        NDArray x = FORMAT.read(film(frame), 3 * SIDE, SIDE, SIDE, false, manager, torch);
        return x.add(frame % 2 == 0 ? 0.2 : -0.2);
    }

    /** What becomes of frames {@code from ... to - 1}. */
    private List<float[]> steadied(Steady steady, int from, int to) {
        Steady.Window window = steady.over(FORMAT, manager, torch);
        List<float[]> steadied = new ArrayList<>();
        for (int i = from; i < to; i++) {
            steadied.add(window.next(film(i), 3 * SIDE, flickering(i)).toFloatArray());
        }
        window.keep();
        return steadied;
    }

    /** Root mean square of each frame's difference from the one before, moved along, rim left out. */
    private static double flicker(List<float[]> frames) {
        double squares = 0;
        int count = 0;
        for (int i = 1; i < frames.size(); i++) {
            for (int j = 0; j < 3 * SIDE * SIDE; j++) {
                if (j % SIDE >= 10) {
                    squares += Math.pow(frames.get(i)[j] - frames.get(i - 1)[j - 2], 2);
                    count++;
                }
            }
        }
        return Math.sqrt(squares / count);
    }

    @Test
    void flickerIsTakenOutAndMotionStays() {
        double before = flicker(steadied(new Steady(0), 0, FRAMES));
        List<float[]> steadied = steadied(new Steady(0.7), 0, FRAMES);
        assertTrue(flicker(steadied) < 0.4 * before, flicker(steadied) + " of " + before);
        float[] last = steadied.get(FRAMES - 1);
        float[] unsteady = flickering(FRAMES - 1).toFloatArray();
        double contrast = contrast(last) / contrast(unsteady);
        assertEquals(1, contrast, 0.05, "the pattern is not smeared");
    }

    private static double contrast(float[] x) {
        double sum = 0;
        for (int j = 10; j < SIDE; j++) {
            sum += Math.abs(x[20 * SIDE + j] - x[20 * SIDE + j - 4]);
        }
        return sum;
    }

    @Test
    void aFrameComesOutTheSameHoweverTheFilmIsCutIntoWindows() {
        List<float[]> whole = steadied(new Steady(0.7), 0, FRAMES);
        Steady steady = new Steady(0.7);
        List<float[]> parts = new ArrayList<>();
        for (int[] part : new int[][] {{0, 5}, {5, 6}, {6, 12}}) {
            parts.addAll(steadied(steady, part[0], part[1]));
        }
        for (int i = 0; i < FRAMES; i++) {
            assertArrayEquals(whole.get(i), parts.get(i), "frame " + i);
        }
    }

    @Test
    void aShotBeginsWithItsFirstFrameAsItIs() {
        Steady steady = new Steady(0.7);
        steadied(steady, 0, 4);
        steady.begin();
        assertArrayEquals(flickering(4).toFloatArray(), steadied(steady, 4, 5).get(0));
        assertTrue(Arrays.mismatch(flickering(5).toFloatArray(), steadied(steady, 5, 6).get(0)) >= 0);
    }

    @Test
    void soDoFramesOfAnotherSize() {
        Steady steady = new Steady(0.7);
        steadied(steady, 0, 4);
        FrameFormat wide = new FrameFormat(SIDE, SIDE / 2, 8);
        Steady.Window window = steady.over(wide, manager, torch);
        assertArrayEquals(flickering(4).toFloatArray(), window.next(film(4), 3 * SIDE, flickering(4)).toFloatArray());
    }

    @Test
    void aWindowThatFailedLeavesTheFrameBeforeIt() {
        Steady steady = new Steady(0.7);
        steadied(steady, 0, 4);
        steady.over(FORMAT, manager, torch).next(film(4), 3 * SIDE, manager.ones(new Shape(1, 3, SIDE, SIDE)));
        List<float[]> again = steadied(steady, 4, 8);
        assertArrayEquals(steadied(new Steady(0.7), 0, 8).get(7), again.get(3));
    }
}
