package org.fatezero.bench;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.engine.Conversion;
import org.fatezero.tensor.Torch;

import java.io.IOException;
import java.util.function.Supplier;

/**
 * What this machine can do at this moment, through the engine's own libtorch, in one precision.
 *
 * @param device that the engine takes here
 * @param convolution FLOP/s of a 3x3 convolution of 320 channels at 64x64, 4 frames
 * @param product FLOP/s of a large matrix product
 * @param conversion seconds that a frame's way from pixels to a tensor and back takes
 */
record Rates(String device, double convolution, double product, double conversion) {

    private static final int TRIES = 7;

    /** @param side of the frame that is converted */
    static Rates measure(DataType type, int side) throws IOException {
        boolean gpu = Engine.getEngine("PyTorch").getGpuCount() > 0;
        int repeated = gpu ? 20 : 1;
        int n = gpu ? 8192 : 2048;
        try (NDManager manager = NDManager.newBaseManager(gpu ? Device.gpu() : Device.cpu(), "PyTorch");
                Torch torch = new Torch(manager)) {
            NDArray x = torch.channelsLast(random(manager, torch, type, 4, 320, 64, 64));
            NDArray weight = torch.layers().ofConvolution(random(manager, torch, type, 320, 320, 3, 3), 1, 1);
            NDArray bias = random(manager, torch, type, 320);
            NDArray a = random(manager, torch, type, n, n);
            NDArray b = torch.layers().ofLinear(random(manager, torch, type, n, n));
            return new Rates(manager.getDevice().toString(),
                    rate(2. * 4 * 64 * 64 * 320 * 320 * 9, repeated, () -> torch.conv2d(x, weight, bias, 1, 1)),
                    rate(2. * n * n * n, repeated, () -> torch.linear(a, b, null)), Conversion.seconds(side, manager, torch));
        }
    }

    private static NDArray random(NDManager manager, Torch torch, DataType type, long... shape) {
        NDArray x = manager.randomNormal(0, 1, new Shape(shape), DataType.FLOAT32);
        return type == DataType.BFLOAT16 ? torch.toBfloat16(x) : x.toType(type, false);
    }

    /** The best of several tries. */
    private static double rate(double operations, int repeated, Supplier<NDArray> work) {
        double best = 0;
        for (int i = 0; i < TRIES; i++) {
            long begin = System.nanoTime();
            for (int j = 0; j < repeated - 1; j++) {
                work.get().close();
            }
            try (NDArray last = work.get(); NDArray one = last.flatten().get("0:1").toType(DataType.FLOAT32, true)) {
                one.toFloatArray(); // a device is done when it can be read from
            }
            best = Math.max(best, repeated * operations / ((System.nanoTime() - begin) / 1e9));
        }
        return best;
    }
}
