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
import org.fatezero.video.Mask;

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
    private static final Steady.Asked ALL = new Steady.Asked(Mask.ALL, 0);
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
        return steadied(steady, 0.7, from, to);
    }

    private List<float[]> steadied(Steady steady, double share, int from, int to) {
        Steady.Window window = steady.over(FORMAT, share, manager, torch);
        List<float[]> steadied = new ArrayList<>();
        for (int i = from; i < to; i++) {
            steadied.add(window.next(film(i), 3 * SIDE, ALL, flickering(i)).toFloatArray());
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
        double before = flicker(steadied(new Steady(), 0, 0, FRAMES));
        List<float[]> steadied = steadied(new Steady(), 0, FRAMES);
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
        List<float[]> whole = steadied(new Steady(), 0, FRAMES);
        Steady steady = new Steady();
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
        Steady steady = new Steady();
        steadied(steady, 0, 4);
        steady.begin();
        assertArrayEquals(flickering(4).toFloatArray(), steadied(steady, 4, 5).get(0));
        assertTrue(Arrays.mismatch(flickering(5).toFloatArray(), steadied(steady, 5, 6).get(0)) >= 0);
    }

    @Test
    void soDoFramesOfAnotherSize() {
        Steady steady = new Steady();
        steadied(steady, 0, 4);
        FrameFormat wide = new FrameFormat(SIDE, SIDE / 2, 8);
        Steady.Window window = steady.over(wide, 0.7, manager, torch);
        assertArrayEquals(flickering(4).toFloatArray(), window.next(film(4), 3 * SIDE, ALL, flickering(4)).toFloatArray());
    }

    @Test
    void aWindowThatFailedLeavesTheFrameBeforeIt() {
        Steady steady = new Steady();
        steadied(steady, 0, 4);
        steady.over(FORMAT, 0.7, manager, torch).next(film(4), 3 * SIDE, ALL, manager.ones(new Shape(1, 3, SIDE, SIDE)));
        List<float[]> again = steadied(steady, 4, 8);
        assertArrayEquals(steadied(new Steady(), 0, 8).get(7), again.get(3));
    }

    /** The source moves as before. */
    @Test
    void whereSomethingElseIsAskedForTheFrameStaysAsItWasEdited() {
        byte[] samples = {(byte) 255, 0};
        Steady.Asked left = new Steady.Asked(new Mask(2, 1, samples), 0);
        Steady steady = new Steady();
        steadied(steady, 0, 4);
        Steady.Window window = steady.over(FORMAT, 0.7, manager, torch);
        float[] edited = flickering(4).toFloatArray();
        float[] steadied = window.next(film(4), 3 * SIDE, left, flickering(4)).toFloatArray();
        for (int j = 0; j < edited.length; j++) {
            if (j % SIDE >= SIDE / 2) {
                assertEquals(edited[j], steadied[j], "right of the middle, where the mask has changed");
            }
        }
        assertTrue(Arrays.mismatch(edited, steadied) < SIDE / 2);
        float[] jumped = window.next(film(5), 3 * SIDE, new Steady.Asked(left.mask(), 1), flickering(5)).toFloatArray();
        assertArrayEquals(flickering(5).toFloatArray(), jumped, "mix has jumped");
    }

    @Test
    void halfPixelsDoNotGrow() {
        Steady.Window window = new Steady().over(FORMAT, 1, manager, torch);
        float[] last = null;
        for (int i = 0; i < 60; i++) {
            ByteBuffer frame = ByteBuffer.allocateDirect(3 * SIDE * SIDE);
            for (int j = 0; j < 3 * SIDE * SIDE; j++) {
                frame.put(j, (byte) (128 + 60 * Math.sin(0.3 * (j / 3 % SIDE - 0.5 * i)) + 60 * Math.sin(0.2 * (j / 3 / SIDE - 0.5 * i))));
            }
            NDArray x = FORMAT.read(frame, 3 * SIDE, SIDE, SIDE, false, manager, torch);
            last = window.next(frame, 3 * SIDE, ALL, x).toFloatArray();
        }
        for (float value : last) {
            assertTrue(Math.abs(value) <= 1.001, value + " is beyond the picture's range");
        }
    }

    /** A command may change the size that is edited, from frame to frame: what follows begins anew. */
    @Test
    void anotherSizeBeginsAnew() {
        Steady steady = new Steady();
        steadied(steady, 0, 3);
        Steady.Window window = steady.over(FORMAT, 0.7, manager, torch);
        for (int side : new int[] {96, 32}) {
            NDArray x = manager.ones(new Shape(1, 3, side, side)).mul(0.25);
            float[] before = x.toFloatArray();
            assertArrayEquals(before, window.next(film(3), 3 * SIDE, ALL, x).toFloatArray(), "a side of " + side);
        }
        window.keep();
    }
}
