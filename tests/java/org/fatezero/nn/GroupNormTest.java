package org.fatezero.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.Golden;
import org.fatezero.Tiny;
import org.fatezero.tensor.Torch;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GroupNormTest {

    private static final double EPS = 1e-5;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 6})
    void framesOfAWindowShareTheirStatistics(int frames) throws Exception {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            int n = 6;
            int channels = 4;
            int groups = 2;
            Shape shape = new Shape(n, channels, 3, 5);
            NDArray x = Tiny.random(manager, shape.getShape()).add(manager.arange(0f, n).reshape(n, 1, 1, 1));
            NDArray y = new Torch(manager).groupNormSilu(x, frames, groups, manager.create(new float[] {1, 2, 3, 4}),
                    manager.create(new float[] {0, 1, 0, -1}), EPS);
            assertEquals(shape, y.getShape());
            Golden.assertClose(manager.create(naive(x.toFloatArray(), n, channels, groups, 15, frames), shape), y, 1e-5, "norm");
        }
    }

    private static float[] naive(float[] x, int n, int channels, int groups, int positions, int frames) {
        float[] y = new float[x.length];
        int each = channels / groups;
        for (int window = 0; window < n / frames; window++) {
            for (int group = 0; group < groups; group++) {
                double sum = 0;
                double squares = 0;
                for (int pass = 0; pass < 2; pass++) {
                    int count = frames * each * positions;
                    double mean = sum / count;
                    double deviation = Math.sqrt(squares / count - mean * mean + EPS);
                    for (int i = 0; i < count; i++) {
                        int frame = window * frames + i / (each * positions);
                        int channel = group * each + i / positions % each;
                        int place = (frame * channels + channel) * positions + i % positions;
                        if (pass == 0) {
                            sum += x[place];
                            squares += (double) x[place] * x[place];
                        } else {
                            double value = (x[place] - mean) / deviation * (channel + 1) + new float[] {0, 1, 0, -1}[channel];
                            y[place] = (float) (value / (1 + Math.exp(-value)));
                        }
                    }
                }
            }
        }
        return y;
    }
}
