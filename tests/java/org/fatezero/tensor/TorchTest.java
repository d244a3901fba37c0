package org.fatezero.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.Golden;
import org.fatezero.Tiny;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TorchTest {

    private static final double LIMIT = 1e-6;

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

    private NDArray normal(long... shape) {
        return Tiny.random(manager, shape);
    }

    private NDArray of(float... values) {
        return manager.create(values);
    }

    /** {@code softmax(q k^T / sqrt(d))} by DJL's own operations, {@code (batch, heads, queries, keys)}. */
    private static NDArray map(NDArray q, NDArray k) {
        double scale = 1 / Math.sqrt(q.getShape().get(3));
        return q.transpose(0, 2, 1, 3).matMul(k.transpose(0, 2, 3, 1)).mul(scale).softmax(-1);
    }

    private static NDArray apply(NDArray map, NDArray v) {
        Shape shape = map.getShape();
        return map.matMul(v.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3).reshape(shape.get(0), shape.get(2), -1);
    }

    @Test
    void attentionIsTheSoftmaxOfQueriesAndKeysAppliedToValues() {
        NDArray q = normal(2, 5, 3, 4);
        NDArray k = normal(2, 7, 3, 4).mul(2);
        NDArray v = normal(2, 7, 3, 4).add(1);
        Golden.assertClose(map(q, k), torch.attentionMap(q, k), LIMIT, "map");
        Golden.assertClose(apply(map(q, k), v), torch.attention(q, k, v), LIMIT, "attention");
        Golden.assertClose(torch.attention(q, k, v), torch.applyMap(torch.attentionMap(q, k), v), LIMIT, "map applied");
    }

    @Test
    void samplesBecomeFloatsAndReturn() {
        NDArray samples = manager.create(new float[] {0, 1, 2, 253, 254, 255}, new Shape(1, 2, 1, 3));
        NDArray bytes = manager.create(new int[] {0, 1, 2, 9, 253, 254, 255}).toType(DataType.UINT8, true);
        NDArray floats = torch.fromSamples(bytes, 2, 1, 4, 1);
        assertEquals(new Shape(1, 3, 2, 1), floats.getShape());
        float[] expected = {-1, 253 / 127.5f - 1, 1 / 127.5f - 1, 254 / 127.5f - 1, 2 / 127.5f - 1, 1};
        assertArrayEquals(expected, floats.toFloatArray(), 1e-6f);
        assertEquals(samples, torch.toSamples(floats, 127.5));
        NDArray pairs = manager.create(new int[] {0, 0, 255, 0, 255, 255}).toType(DataType.UINT8, true);
        assertArrayEquals(new float[] {-1, 255 / 32767.5f - 1, 1}, torch.fromSamples(pairs, 1, 1, 6, 2).toFloatArray(), 1e-6f);
        NDArray outside = manager.create(new float[] {-3, 0.002f, 9}, new Shape(1, 3, 1, 1));
        assertArrayEquals(new float[] {0, 128, 255}, torch.toSamples(outside, 127.5).toFloatArray());
        assertArrayEquals(new float[] {-3, 0.002f, 9}, outside.toFloatArray());
    }

    @Test
    void causalAttentionSeesNothingLater() {
        NDArray q = normal(1, 4, 2, 4);
        NDArray k = normal(1, 4, 2, 4).mul(2);
        NDArray v = normal(1, 4, 2, 4).add(1);
        NDArray all = torch.causalAttention(q, k, v);
        for (int i = 0; i < 4; i++) {
            NDArray alone = torch.attention(q.get(":, {}:{}", i, i + 1), k.get(":, :{}", i + 1), v.get(":, :{}", i + 1));
            Golden.assertClose(alone, all.get(":, {}:{}", i, i + 1), LIMIT, "query " + i);
        }
    }

    @Test
    void linearMultipliesByTheTransposedWeight() {
        NDArray x = manager.create(new float[] {1, 2, 3, 4}, new Shape(2, 2));
        NDArray weight = manager.create(new float[] {1, 0, 0, 2, 1, 1}, new Shape(3, 2));
        assertArrayEquals(new float[] {1, 4, 3, 3, 8, 7}, torch.linear(x, weight, null).toFloatArray());
        assertArrayEquals(new float[] {11, 4, 2, 13, 8, 6}, torch.linear(x, weight, of(10, 0, -1)).toFloatArray());
    }

    @Test
    void convolutionOfOnesCountsItsNeighbours() {
        NDArray x = manager.ones(new Shape(1, 1, 3, 3));
        NDArray weight = manager.ones(new Shape(1, 1, 3, 3));
        assertArrayEquals(new float[] {4, 6, 4, 6, 9, 6, 4, 6, 4}, torch.conv2d(x, weight, of(0), 1, 1).toFloatArray());
        assertArrayEquals(new float[] {5, 5, 5, 5}, torch.conv2d(x, weight, of(1), 2, 1).toFloatArray());
    }

    @Test
    void paddingIsAtTheEnd() {
        NDArray x = manager.create(new float[] {1, 2, 3, 4}, new Shape(1, 1, 2, 2));
        assertArrayEquals(new float[] {1, 2, 0, 3, 4, 0, 0, 0, 0}, torch.padEnd(x).toFloatArray());
    }

    @Test
    void groupNormTakesMeanAndVarianceOfItsGroup() {
        NDArray x = manager.create(new float[] {1, 3, 5, 7, 0, 0, 2, 2}, new Shape(1, 4, 2));
        // groups {1 3 5 7}: mean 4, variance 5; {0 0 2 2}: mean 1, variance 1
        float s = (float) Math.sqrt(5);
        float[] expected = {-3 / s, -1 / s, 2 * 1 / s + 1, 2 * 3 / s + 1, -1, -1, 1, 1};
        NDArray y = torch.groupNorm(x, 2, of(1, 2, 1, 1), of(0, 1, 0, 0), 0);
        assertArrayEquals(expected, y.toFloatArray(), 1e-6f);
        for (int i = 0; i < expected.length; i++) {
            expected[i] /= 1 + Math.exp(-expected[i]);
        }
        assertArrayEquals(expected, torch.groupNormSilu(x, 1, 2, of(1, 2, 1, 1), of(0, 1, 0, 0), 0).toFloatArray(), 1e-6f);
    }

    @Test
    void layerNormTakesMeanAndVarianceOfItsRow() {
        NDArray x = manager.create(new float[] {1, 3, 10, 30}, new Shape(2, 2));
        assertArrayEquals(new float[] {-1, 3, -1, 3}, torch.layerNorm(x, of(1, 2), of(0, 1), 0).toFloatArray(), 1e-6f);
    }

    @Test
    void additionInPlaceChangesItsFirstArgumentAndReturnsIt() {
        NDArray x = of(1, 2);
        NDArray sum = torch.addTo(x, of(10, 20));
        assertSame(x, sum);
        assertArrayEquals(new float[] {11, 22}, x.toFloatArray());
    }

    @Test
    void activationsAreTheirFormulas() {
        float[] values = {-3, -0.5f, 0, 0.5f, 3};
        float[] quick = new float[5];
        for (int i = 0; i < 5; i++) {
            quick[i] = (float) (values[i] / (1 + Math.exp(-1.702 * values[i])));
        }
        float[] gelu = {-0.00404951f, -0.15426877f, 0, 0.34573123f, 2.9959507f}; // x Phi(x)
        assertArrayEquals(quick, torch.quickGelu(of(values)).toFloatArray(), 1e-6f);
        assertArrayEquals(gelu, torch.gelu(of(values)).toFloatArray(), 1e-6f);
    }

    @Test
    void nearestRepeatsAndDrops() {
        NDArray x = manager.create(new float[] {1, 2, 3, 4}, new Shape(1, 1, 2, 2));
        assertArrayEquals(new float[] {1, 1, 2, 1, 1, 2, 3, 3, 4}, torch.nearest(x, 3, 3).toFloatArray());
        assertArrayEquals(new float[] {1}, torch.nearest(x, 1, 1).toFloatArray());
    }

    @Test
    void resizingKeepsAFlatPictureAndTheMean() {
        assertArrayEquals(new float[] {3, 3, 3, 3, 3, 3},
                torch.resize(manager.full(new Shape(1, 1, 4, 4), 3f), 2, 3).toFloatArray(), 1e-6f);
        NDArray checks = manager.create(new float[] {0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0}, new Shape(1, 1, 4, 4));
        assertEquals(0.5f, torch.resize(checks, 2, 2).mean().getFloat(), 1e-6f, "antialiased");
    }

    @Test
    void maximaOfNeighbours() {
        NDArray x = manager.create(new float[] {9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5}, new Shape(1, 1, 3, 4));
        assertArrayEquals(new float[] {9, 9, 0, 0, 9, 9, 5, 5, 0, 0, 5, 5}, torch.maxPool3(x).toFloatArray());
    }

    @Test
    void tokensOfAMapAreSummedAndItsHeadsAveraged() {
        NDArray map = manager.create(new float[] {1, 2, 3, 4, 5, 6, 3, 2, 1, 6, 5, 4}, new Shape(1, 2, 2, 3));
        assertArrayEquals(new float[] {4, 10}, torch.mapOfTokens(map, 0, 2).toFloatArray());
    }

    @Test
    void eachPlaneIsDividedByItsMaximum() {
        NDArray x = manager.create(new float[] {1, 2, 4, 2}, new Shape(2, 1, 1, 2));
        assertArrayEquals(new float[] {0.5f, 1, 1, 0.5f}, torch.overMaximum(x).toFloatArray());
    }

    @Test
    void rowsAreTakenInOrderAndRepeated() {
        NDArray x = manager.create(new float[] {0, 1, 10, 11, 20, 21}, new Shape(3, 2));
        assertArrayEquals(new float[] {20, 21, 0, 1, 20, 21}, torch.rows(x, 2, 0, 2).toFloatArray());
    }

    @Test
    void remappedColumnsAreTheMatrixOfOnePlusTheShareOfTheOther() {
        NDArray source = manager.create(new float[] {1, 2}, new Shape(1, 2));
        NDArray matrix = manager.create(new float[] {0, 1, 1, 0}, new Shape(2, 2));
        NDArray edit = manager.create(new float[] {10, 20}, new Shape(1, 2));
        assertArrayEquals(new float[] {7, 1}, torch.remap(source, matrix, edit, of(0.5f, 0)).toFloatArray());
    }

    @Test
    void lerpGoesFromTheFirstToTheSecond() {
        assertArrayEquals(new float[] {1, 6, 10}, torch.lerp(of(1, 2, 3), of(10, 10, 10), of(0, 0.5f, 1)).toFloatArray());
    }

    @Test
    void finiteMeansNeitherInfiniteNorNotANumber() {
        assertTrue(torch.allFinite(of(1, -3e38f)));
        assertFalse(torch.allFinite(of(1, Float.NaN)));
        assertFalse(torch.allFinite(of(1, Float.NEGATIVE_INFINITY)));
    }

    @Test
    void aCopyHasTheTypeOfItsModelAndMemoryOfItsOwn() {
        NDArray x = of(1, 2);
        NDArray copy = torch.copyTo(x, x);
        torch.addTo(x, of(1, 1));
        assertArrayEquals(new float[] {1, 2}, copy.toFloatArray());
        assertEquals(DataType.FLOAT16, torch.copyTo(x, x.toType(DataType.FLOAT16, true)).getDataType());
    }

    @Test
    void operationsLeaveNothingBehindButTheirResult() {
        NDArray x = normal(1, 4, 4, 4);
        int arrays = manager.getManagedArrays().size();
        torch.rows(x, 0).close();
        torch.mapOfTokens(x, 1).close();
        torch.addTo(x, x);
        torch.allFinite(x);
        torch.maxPool3(x).close();
        assertEquals(arrays, manager.getManagedArrays().size());
    }
}
