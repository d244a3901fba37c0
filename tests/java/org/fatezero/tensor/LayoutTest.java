package org.fatezero.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.convolutional.Conv2d;

import org.fatezero.Golden;
import org.fatezero.Tiny;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.util.Set;

/** {@link Layers}: however weights lie, layers compute what DJL's own operations do with plain ones. */
class LayoutTest {

    private static final double LIMIT = 1e-5;
    private static final double BFLOAT16 = 0.02; // of the whole, where each number has eight bits

    private NDManager manager;
    private Torch torch;
    private int drawn;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
        drawn = 0;
    }

    @AfterEach
    void close() {
        manager.close();
    }

    /** @param packs whether weights are packed, as far as this machine does that, or plain, as on others */
    private void compute(boolean packs) throws IOException {
        torch = new Torch(manager, false, packs ? Layers.packedHere() : Set.of());
    }

    /** Others at each call. */
    private NDArray normal(long... shape) {
        return Tiny.random(manager, new Shape(shape).size() + ++drawn).get(drawn + ":").reshape(shape).duplicate();
    }

    private NDArray halved(NDArray x) {
        return torch.toBfloat16(x);
    }

    private static void assertNear(NDArray expected, NDArray halved, String what) {
        Golden.assertClose(expected, halved.toType(DataType.FLOAT32, true), BFLOAT16, what + " in bfloat16");
    }

    private void assertLinear(NDArray x, NDArray weight, NDArray bias) {
        NDArray expected = x.matMul(weight.transpose());
        if (bias != null) {
            expected = expected.add(bias);
        }
        Golden.assertClose(expected, torch.linear(x, torch.layers().ofLinear(weight.duplicate()), bias), LIMIT, "linear");
        NDArray halvedBias = bias == null ? null : halved(bias);
        assertNear(expected, torch.linear(halved(x), torch.layers().ofLinear(halved(weight)), halvedBias), "linear");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void linearLayersAreProducts(boolean packs) throws Exception {
        compute(packs);
        assertLinear(normal(9, 40), normal(24, 40).mul(0.1), normal(24));
        assertLinear(normal(2, 3, 5), normal(7, 5).mul(0.3), null);
        assertLinear(normal(1, 1, 33), normal(1, 33).mul(0.1), normal(1));
        assertLinear(normal(4, 3, 6).transpose(1, 0, 2), normal(10, 6).mul(0.3), normal(10));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aGatedLayerIsTheProductOfTwo(boolean packs) throws Exception {
        compute(packs);
        NDArray x = normal(2, 11, 8);
        NDArray weight = normal(20, 8).mul(0.3);
        NDArray bias = normal(20);
        NDArray gate = normal(20, 8).mul(0.3);
        NDArray gateBias = normal(20);
        NDArray of = x.matMul(gate.transpose()).add(gateBias);
        NDArray expected = of.mul(of.div(Math.sqrt(2)).erf().add(1).div(2)).mul(x.matMul(weight.transpose()).add(bias));
        Layers layers = torch.layers();
        Golden.assertClose(expected, torch.run("linear_gelu_gated", x,
                layers.ofLinear(weight.duplicate()), bias, layers.ofLinear(gate.duplicate()), gateBias), LIMIT, "gated");
        assertNear(expected, torch.run("linear_gelu_gated", halved(x),
                layers.ofLinear(halved(weight)), halved(bias), layers.ofLinear(halved(gate)), halved(gateBias)), "gated");
    }

    private static NDArray convolution(NDArray x, NDArray weight, NDArray bias, int stride, int padding) {
        return Conv2d.conv2d(x, weight, bias, new Shape(stride, stride), new Shape(padding, padding), new Shape(1, 1)).singletonOrThrow();
    }

    private void assertConvolution(NDArray x, NDArray weight, NDArray bias, int stride, int padding) {
        NDArray expected = convolution(x, weight, bias, stride, padding);
        NDArray laidOut = torch.layers().ofConvolution(weight.duplicate(), stride, padding);
        Golden.assertClose(expected, torch.conv2d(x, laidOut, bias, stride, padding), LIMIT, "convolution");
        Golden.assertClose(expected, torch.conv2d(torch.channelsLast(x), laidOut, bias, stride, padding), LIMIT, "channels innermost");
        NDArray few = torch.layers().ofConvolution(halved(weight), stride, padding);
        assertNear(expected, torch.conv2d(halved(x), few, halved(bias), stride, padding), "convolution");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void convolutionsAreConvolutions(boolean packs) throws Exception {
        compute(packs);
        assertConvolution(normal(2, 3, 7, 9), normal(5, 3, 3, 3).mul(0.2), normal(5), 1, 1);
        assertConvolution(normal(1, 16, 8, 8), normal(32, 16, 3, 3).mul(0.1), normal(32), 2, 1);
        assertConvolution(normal(1, 16, 9, 8), normal(8, 16, 3, 3).mul(0.1), normal(8), 2, 0);
        assertConvolution(normal(3, 24, 4, 6), normal(40, 24, 1, 1).mul(0.2), normal(40), 1, 0);
        assertConvolution(normal(1, 3, 32, 32), normal(6, 3, 16, 16).mul(0.05), normal(6), 16, 0);
    }

    /** @param byPhases which way is expected: the other one gets weights of zeros */
    private void assertUpsampled(int frames, int rows, int columns, int height, int width, boolean byPhases) {
        String what = rows + "x" + columns + " to " + height + "x" + width;
        NDArray x = normal(frames, 12, rows, columns);
        NDArray weight = normal(12, 12, 3, 3).mul(0.1);
        NDArray bias = normal(12);
        NDArray expected = convolution(torch.nearest(x, height, width).duplicate(), weight, bias, 1, 1);
        NDArray y = upsampled(x, height, width, weight, bias, byPhases);
        assertEquals(new Shape(frames, 12, height, width), y.getShape());
        Golden.assertClose(expected, y, LIMIT, what);
        assertNear(expected, upsampled(halved(x), height, width, halved(weight), halved(bias), byPhases), what);
    }

    private NDArray upsampled(NDArray x, int height, int width, NDArray weight, NDArray bias, boolean byPhases) {
        Layers layers = torch.layers();
        NDArray phases = layers.ofPhases(weight);
        boolean used = byPhases && phases != torch.none();
        NDArray zeros = weight.sub(weight);
        return torch.run("upsampled", x, height, width, layers.ofConvolution(used ? zeros : weight.add(zeros), 1, 1), bias,
                used || phases == torch.none() ? phases : layers.ofPhases(zeros), layers.biasOfPhases(bias));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aLargerMapIsConvolvedByPhases(boolean packs) throws Exception {
        compute(packs);
        assertUpsampled(2, 12, 15, 24, 30, true);
        assertUpsampled(64, 1, 4, 2, 8, true);
        assertUpsampled(2, 4, 6, 8, 12, false); // few cells: their weights would take longer
        assertUpsampled(9, 6, 6, 11, 12, false); // one less than twice, where rows or columns below were odd
        assertUpsampled(9, 6, 6, 12, 11, false);
    }

    @Test
    void weightsArePackedWhereThatIsFaster() throws Exception {
        compute(true);
        NDArray weight = normal(4, 3);
        NDArray precise = weight.toType(DataType.FLOAT64, true);
        assertSame(precise, torch.layers().ofLinear(precise));
        assertSame(weight, new Torch(manager, true).layers().ofLinear(weight), "gradients pass through plain weights alone");
        for (DataType type : Layers.packedHere()) {
            assertTrue(type == DataType.FLOAT32 || type == DataType.BFLOAT16, type.toString());
            NDArray plain = type == DataType.FLOAT32 ? weight.duplicate() : halved(weight);
            assertNotSame(plain, torch.layers().ofLinear(plain));
        }
    }
}
