package org.fatezero.video;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.Golden;
import org.fatezero.tensor.Torch;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;

class FrameFormatTest {

    private static final byte PADDING = 0x5a;

    private static NDManager manager;
    private static Torch torch;

    @BeforeAll
    static void open() throws Exception {
        manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
        torch = new Torch(manager);
    }

    @AfterAll
    static void close() {
        manager.close();
    }

    private static ByteBuffer padded(int stride, int height) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(stride * height).order(ByteOrder.nativeOrder());
        while (buffer.hasRemaining()) {
            buffer.put(PADDING);
        }
        return buffer.rewind();
    }

    private static int sample(ByteBuffer frame, int stride, int depth, int x, int y) {
        return depth == 8 ? frame.get(y * stride + x) & 0xff : frame.getShort(y * stride + 2 * x) & 0xffff;
    }

    private static ByteBuffer noise(int width, int height, int depth, int stride) {
        Random random = new Random(depth);
        ByteBuffer frame = padded(stride, height);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < 3 * width; x++) {
                if (depth == 8) {
                    frame.put(y * stride + x, (byte) random.nextInt(256));
                } else {
                    frame.putShort(y * stride + 2 * x, (short) random.nextInt(65536));
                }
            }
        }
        return frame;
    }

    @ParameterizedTest
    @CsvSource({"8, 6, 8, 0", "7, 5, 8, 11", "1, 1, 8, 3", "8, 6, 16, 0", "7, 5, 16, 10", "321, 179, 8, 1", "1, 9, 16, 2"})
    void framesSurviveThereAndBackAndTheirPaddingStays(int width, int height, int depth, int padding) {
        int stride = width * 3 * depth / 8 + padding;
        FrameFormat frames = new FrameFormat(width, height, depth);
        ByteBuffer source = noise(width, height, depth, stride);
        ByteBuffer target = padded(stride, height);
        try (NDArray x = frames.read(source, stride, height, width, false, manager, torch)) {
            assertEquals(new Shape(1, 3, height, width), x.getShape());
            assertTrue(x.min().getFloat() >= -1 && x.max().getFloat() <= 1);
            frames.write(x, target, stride, torch);
        }
        assertEquals(source, target);
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 16})
    void blackIsMinusOneWhiteIsOneAndRedComesFirst(int depth) {
        ByteBuffer red = ByteBuffer.allocateDirect(3 * depth / 8).order(ByteOrder.nativeOrder());
        for (int i = 0; i < depth / 8; i++) {
            red.put(i, (byte) 0xff);
        }
        NDArray x = new FrameFormat(1, 1, depth).read(red, 3 * depth / 8, 1, 1, false, manager, torch);
        assertArrayEquals(new float[] {1, -1, -1}, x.toFloatArray());
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 16})
    void whatIsOutOfRangeIsClipped(int depth) {
        int stride = 3 * depth / 8;
        ByteBuffer target = padded(stride, 1);
        new FrameFormat(1, 1, depth).write(manager.create(new float[] {-7, 0, 3}, new Shape(1, 3, 1, 1)), target, stride, torch);
        int full = (1 << depth) - 1;
        assertEquals(0, sample(target, stride, depth, 0, 0));
        assertEquals(full / 2.0, sample(target, stride, depth, 1, 0), 0.5);
        assertEquals(full, sample(target, stride, depth, 2, 0));
    }

    /** A ramp, which resizing keeps, but for its ends. */
    @ParameterizedTest
    @CsvSource({"40, 24, 64, 40, 8", "64, 40, 40, 24, 8", "37, 21, 64, 32, 16", "321, 179, 112, 64, 8"})
    void resizedFramesComeBackAtTheirOwnSize(int width, int height, int toWidth, int toHeight, int depth) {
        int stride = 3 * width * depth / 8;
        int full = (1 << depth) - 1;
        ByteBuffer source = padded(stride, height);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < 3 * width; x++) {
                int value = full * (x / 3 + y) / (width + height);
                if (depth == 8) {
                    source.put(y * stride + x, (byte) value);
                } else {
                    source.putShort(y * stride + 2 * x, (short) value);
                }
            }
        }
        FrameFormat frames = new FrameFormat(width, height, depth);
        ByteBuffer target = padded(stride, height);
        NDArray resized = frames.read(source, stride, toHeight, toWidth, false, manager, torch);
        assertEquals(new Shape(1, 3, toHeight, toWidth), resized.getShape());
        frames.write(resized, target, stride, torch);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < 3 * width; x++) {
                assertEquals(sample(source, stride, depth, x, y), sample(target, stride, depth, x, y), 0.03 * full, x + ", " + y);
            }
        }
    }

    /** What the authors' data set makes of them, {@code tests/golden/frames.py}. */
    @ParameterizedTest
    @ValueSource(strings = {"smaller", "larger"})
    void asPublishedFramesAreResizedAsTheAuthorsDo(String name) throws Exception {
        try (Golden golden = new Golden("frames.safetensors")) {
            NDArray expected = golden.array(name + ".images");
            byte[] bytes = golden.bytes(name + ".source");
            int side = (int) Math.sqrt(bytes.length / 3.);
            int toSide = (int) expected.getShape().get(2);
            ByteBuffer source = ByteBuffer.allocateDirect(bytes.length).put(bytes).rewind();
            FrameFormat frames = new FrameFormat(side, side, 8);
            float[] asPublished = frames.read(source, 3 * side, toSide, toSide, true, golden.manager, golden.torch).toFloatArray();
            assertArrayEquals(expected.toFloatArray(), asPublished, 1e-5f);
            float[] bicubic = frames.read(source, 3 * side, toSide, toSide, false, golden.manager, golden.torch).toFloatArray();
            assertTrue(Golden.relativeError(expected, golden.manager.create(bicubic)) > 0.1, "noise is sharper otherwise");
        }
    }

    @Test
    void aBufferMayBeLongerThanItsFrameAndItsLastRowShort() {
        FrameFormat frames = new FrameFormat(4, 3, 8);
        frames.check(ByteBuffer.allocateDirect(12 * 3), 12);
        frames.check(ByteBuffer.allocateDirect(16 * 2 + 12), 16);
        frames.check(ByteBuffer.allocateDirect(1000), 16);
    }

    @Test
    void aBufferThatDoesNotHoldItsFrameIsToldWithWhatIsNeeded() {
        FrameFormat frames = new FrameFormat(4, 3, 8);
        for (ByteBuffer wrong : new ByteBuffer[] {ByteBuffer.allocateDirect(35), ByteBuffer.allocate(36), ByteBuffer.allocateDirect(0)}) {
            String message = assertThrows(IllegalArgumentException.class, () -> frames.check(wrong, 12)).getMessage();
            assertTrue(message.contains("4x3") && message.contains("12 bytes"), message);
        }
        assertThrows(IllegalArgumentException.class, () -> frames.check(ByteBuffer.allocateDirect(36), 11));
        assertThrows(IllegalArgumentException.class, () -> frames.check(ByteBuffer.allocateDirect(36), -12));
        assertThrows(IllegalArgumentException.class, () -> frames.check(ByteBuffer.allocateDirect(36), Integer.MAX_VALUE));
        assertThrows(IllegalArgumentException.class, () -> new FrameFormat(4, 3, 16).check(ByteBuffer.allocateDirect(36), 12));
    }

    @ParameterizedTest
    @CsvSource({"0, 4, 8", "4, 0, 8", "-4, 4, 8", "70000, 70000, 8", "4, 4, 10", "4, 4, 32"})
    void framesThatCannotBeAreRefused(int width, int height, int depth) {
        assertThrows(IllegalArgumentException.class, () -> new FrameFormat(width, height, depth));
    }
}
