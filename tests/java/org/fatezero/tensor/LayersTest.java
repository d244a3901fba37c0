package org.fatezero.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.convolutional.Conv2d;

import org.fatezero.Golden;
import org.fatezero.Tiny;
import org.fatezero.device.Hardware;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** However weights lie, layers compute what DJL's own operations do with plain ones. */
class LayersTest {

    private static final double LIMIT = 1e-5;
    private static final double BFLOAT16 = 0.02; // eight bits, of sums up to about 4

    private NDManager manager;
    private Torch torch;
    private Layers layers;

    @BeforeEach
    void open() throws Exception {
        manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
        torch = new Torch(manager);
        layers = torch.layers();
    }

    @AfterEach
    void close() {
        manager.close();
    }

    private NDArray normal(long... shape) {
        return Tiny.random(manager, shape);
    }

    /** Both in full precision and in bfloat16, in which the layer's weights may lie otherwise. */
    private void assertLinear(NDArray x, NDArray weight, NDArray bias) {
        NDArray expected = x.matMul(weight.transpose());
        if (bias != null) {
            expected = expected.add(bias);
        }
        NDArray halved = torch.linear(torch.toBfloat16(x), layers.ofLinear(torch.toBfloat16(weight)), bias == null ? null : torch.toBfloat16(bias));
        Golden.assertClose(expected, torch.linear(x, layers.ofLinear(weight.duplicate()), bias), LIMIT, "linear");
        Golden.assertClose(expected, halved.toType(DataType.FLOAT32, true), BFLOAT16, "linear in bfloat16");
    }

    @Test
    void linearLayersAreProducts() {
        assertLinear(normal(9, 40), normal(24, 40).mul(0.1), normal(24));
        assertLinear(normal(2, 3, 5), normal(7, 5).mul(0.3), null);
        assertLinear(normal(1, 1, 33), normal(1, 33).mul(0.1), normal(1));
        NDArray x = normal(4, 3, 6);
        assertLinear(x.transpose(1, 0, 2), normal(10, 6).mul(0.3), normal(10));
    }

    @Test
    void aGatedLayerIsTheProductOfTwo() {
        NDArray x = normal(2, 11, 8);
        NDArray weight = normal(20, 8).mul(0.3);
        NDArray gate = normal(20, 8);
        NDArray bias = normal(20);
        NDArray of = x.matMul(gate.transpose()).add(bias);
        NDArray expected = of.mul(of.div(Math.sqrt(2)).erf().add(1).div(2)).mul(x.matMul(weight.transpose()).add(bias));
        NDArray y = torch.run("linear_gelu_gated", x, layers.ofLinear(weight.duplicate()), bias, layers.ofLinear(gate.duplicate()), bias);
        Golden.assertClose(expected, y, LIMIT, "gated");
    }

    private void assertConvolution(NDArray x, NDArray weight, NDArray bias, int stride, int padding) {
        NDArray expected = Conv2d.conv2d(x, weight, bias, new Shape(stride, stride), new Shape(padding, padding), new Shape(1, 1)).singletonOrThrow();
        NDArray laidOut = layers.ofConvolution(weight.duplicate(), stride, padding);
        Golden.assertClose(expected, torch.conv2d(x, laidOut, bias, stride, padding), LIMIT, "convolution");
        Golden.assertClose(expected, torch.conv2d(torch.channelsLast(x), laidOut, bias, stride, padding), LIMIT, "channels innermost");
    }

    @Test
    void convolutionsAreConvolutions() {
        assertConvolution(normal(2, 3, 7, 9), normal(5, 3, 3, 3).mul(0.2), normal(5), 1, 1);
        assertConvolution(normal(1, 16, 8, 8), normal(32, 16, 3, 3).mul(0.1), normal(32), 2, 1);
        assertConvolution(normal(1, 16, 9, 8), normal(8, 16, 3, 3).mul(0.1), normal(8), 2, 0);
        assertConvolution(normal(3, 24, 4, 6), normal(40, 24, 1, 1).mul(0.2), normal(40), 1, 0);
        assertConvolution(normal(1, 3, 32, 32), normal(6, 3, 16, 16).mul(0.05), normal(6), 16, 0);
    }

    private void assertUpsampled(int rows, int columns, int height, int width) {
        NDArray x = normal(2, 12, rows, columns);
        NDArray weight = normal(12, 12, 3, 3).mul(0.1);
        NDArray bias = normal(12);
        NDArray phases = layers.ofPhases(weight);
        NDArray y = torch.run("upsampled", x, height, width, layers.ofConvolution(weight.duplicate(), 1, 1), bias, phases, layers.biasOfPhases(phases, bias));
        NDArray expected = Conv2d.conv2d(torch.nearest(x, height, width).duplicate(), weight, bias, new Shape(1, 1), new Shape(1, 1), new Shape(1, 1))
                .singletonOrThrow();
        assertEquals(new Shape(2, 12, height, width), y.getShape());
        Golden.assertClose(expected, y, LIMIT, rows + "x" + columns + " to " + height + "x" + width);
    }

    @Test
    void aLargerMapIsConvolvedByPhases() {
        assertUpsampled(4, 6, 8, 12);
        assertUpsampled(1, 3, 2, 6);
        assertUpsampled(4, 6, 7, 11); // one less than twice, where rows or columns below were odd
        assertUpsampled(4, 6, 8, 11);
    }

    @Test
    void gradientsPassThroughPlainWeightsAlone() throws Exception {
        NDArray weight = normal(4, 3);
        assertSame(weight, new Torch(manager, true).layers().ofLinear(weight));
        NDArray precise = weight.toType(DataType.FLOAT64, true);
        assertSame(precise, layers.ofLinear(precise));
        if (Hardware.multipliesInBlocks(DataType.FLOAT32)) {
            assertNotSame(weight, layers.ofLinear(weight));
        }
        if (Hardware.multipliesInBlocks(DataType.BFLOAT16)) {
            NDArray halved = torch.toBfloat16(precise);
            assertNotSame(halved, layers.ofLinear(halved));
        }
    }
}
