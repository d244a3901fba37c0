package org.fatezero.video;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;

import org.fatezero.tensor.Torch;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;

class MotionTest {

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

    /** A smooth pattern without a period, {@code (1, 3, h, w)}, moved to the right and down by so many pixels. */
    private NDArray pattern(int h, int w, double right, double down) {
        Random random = new Random(3);
        double[][] waves = new double[8][];
        Arrays.setAll(waves, i -> random.doubles(3, -1, 1).toArray());
        double scale = 128.0 / Math.min(h, w);
        float[] samples = new float[3 * h * w];
        for (int i = 0; i < samples.length; i++) {
            double x = (i % w - right) * scale;
            double y = (i / w % h - down) * scale;
            for (double[] wave : waves) {
                samples[i] += (float) (Math.sin(0.6 * wave[0] * x + 0.6 * wave[1] * y + 9 * wave[2]) / 8);
            }
        }
        return manager.create(samples, new Shape(1, 3, h, w));
    }

    private static double mean(NDArray x, DoubleUnaryOperator of) {
        double sum = 0;
        for (float value : x.toFloatArray()) {
            sum += of.applyAsDouble(value);
        }
        return sum / x.size();
    }

    @ParameterizedTest
    @CsvSource({"128, 128, 0, 0", "128, 128, 3, -2", "128, 160, -5.5, 1.25", "64, 96, 2, 0.5", "256, 256, 9, -4", "264, 392, -11.5, 6",
        "512, 512, 20, 3"})
    void findsHowFarAPatternHasMoved(int h, int w, double right, double down) {
        NDArray now = pattern(h, w, right, down);
        Motion motion = Motion.between(now, pattern(h, w, 0, 0), manager, torch);
        assertEquals(new Shape(1, 2, h, w), motion.flow().getShape());
        int rim = h / 8; // what has come into view was nowhere
        NDArray flow = motion.flow().get(":, :, {}:{}, {}:{}", rim, h - rim, rim, w - rim);
        assertEquals(0, mean(flow.get(":, 0:1"), x -> Math.abs(x + right)), 0.4);
        assertEquals(0, mean(flow.get(":, 1:2"), y -> Math.abs(y + down)), 0.4);
        assertTrue(mean(motion.likeness().get(":, :, {}:{}, {}:{}", rim, h - rim, rim, w - rim), x -> x) > 0.95);
        NDArray moved = motion.steadied(now.zerosLike(), pattern(h, w, 0, 0), 1, torch)
                .get(":, :, {}:{}, {}:{}", rim, h - rim, rim, w - rim);
        assertEquals(0, mean(moved.sub(now.get(":, :, {}:{}, {}:{}", rim, h - rim, rim, w - rim)), Math::abs), 0.03);
    }

    @Test
    void whatHasComeIntoViewIsNotAlike() {
        NDArray before = pattern(128, 128, 0, 0);
        NDArray now = before.duplicate();
        now.set(new NDIndex(":, :, 40:80, 40:80"), manager.create(1f));
        NDArray likeness = Motion.between(now, before, manager, torch).likeness();
        assertTrue(mean(likeness.get(":, :, 44:76, 44:76"), x -> x) < 0.1);
        assertTrue(mean(likeness.get(":, :, 90:, :"), x -> x) > 0.99);
    }

    @ParameterizedTest
    @ValueSource(ints = {128, 512})
    void aPictureOfOneColourStays(int side) {
        NDArray grey = manager.zeros(new Shape(1, 3, side, side));
        Motion motion = Motion.between(grey, grey, manager, torch);
        assertEquals(0, mean(motion.flow(), Math::abs), 0);
        assertEquals(1, mean(motion.likeness(), x -> x), 0);
    }

    @ParameterizedTest
    @CsvSource({"8, 8", "8, 256", "1, 1", "3, 2"})
    void smallPicturesHaveOneToo(int h, int w) {
        NDArray x = pattern(h, w, 0, 0);
        Motion motion = Motion.between(x, x, manager, torch);
        assertEquals(new Shape(1, 2, h, w), motion.flow().getShape());
        assertTrue(torch.allFinite(motion.flow()));
    }
}
