package org.fatezero.tensor;

import static org.fatezero.tensor.TensorFile.entry;
import static org.fatezero.tensor.TensorFile.header;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

class WeightsTest {

    @TempDir
    private Path folder;

    private interface Use {
        void of(Weights weights) throws Exception;
    }

    private void open(DataType precision, Path file, Use use) throws Exception {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch"); SafeTensors tensors = new SafeTensors(file)) {
            use.of(Weights.of(tensors, manager, precision, new Torch(manager)));
        }
    }

    @Test
    void float32IsReadAsItIsNotANumberAndInfinityIncluded() throws Exception {
        float[] values = {0, -0f, 1.1f, -3e38f, Float.MIN_VALUE, Float.NaN, Float.POSITIVE_INFINITY};
        ByteBuffer data = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        data.asFloatBuffer().put(values);
        open(DataType.FLOAT32, TensorFile.write(folder, header(entry("a", "F32", "[7]", 0, 28)), data.array()),
                weights -> assertArrayEquals(values, weights.get("a", 7).toFloatArray()));
    }

    @Test
    void halfPrecisionOfBothKindsIsWidenedExactly() throws Exception {
        // 1, -2, 65504, the least subnormal, infinity; then 1, -2, 3.140625, 1e38 as bfloat16 has it
        short[] bits = {0x3c00, (short) 0xc000, 0x7bff, 0x0001, 0x7c00, 0x3f80, (short) 0xc000, 0x4049, 0x7e96};
        ByteBuffer data = ByteBuffer.allocate(2 * bits.length).order(ByteOrder.LITTLE_ENDIAN);
        data.asShortBuffer().put(bits);
        Path file = TensorFile.write(folder, header(entry("half", "F16", "[5]", 0, 10), entry("brain", "BF16", "[2, 2]", 10, 18)),
                data.array());
        open(DataType.FLOAT32, file, weights -> {
            assertArrayEquals(new float[] {1, -2, 65504, 0x1p-24f, Float.POSITIVE_INFINITY}, weights.get("half", 5).toFloatArray());
            assertArrayEquals(new float[] {1, -2, 3.140625f, Float.intBitsToFloat(0x7e960000)},
                    weights.get("brain", 2, 2).toFloatArray());
        });
    }

    @Test
    void aTensorTakesThePrecisionThatIsAskedFor() throws Exception {
        byte[] one = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(1.5f).array();
        open(DataType.FLOAT16, TensorFile.write(folder, header(entry("a", "F32", "[1]", 0, 4)), one), weights -> {
            NDArray a = weights.get("a", 1);
            assertEquals(DataType.FLOAT16, a.getDataType());
            assertEquals(1.5f, a.toType(DataType.FLOAT32, true).getFloat());
        });
    }

    @Test
    void aTensorOutlivesItsFile() throws Exception {
        byte[] one = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(1.5f).array();
        Path file = TensorFile.write(folder, header(entry("a", "F32", "[1]", 0, 4)), one);
        open(DataType.FLOAT32, file, weights -> {
            NDArray a = weights.get("a", 1);
            Files.write(file, new byte[0]);
            assertEquals(1.5f, a.getFloat());
        });
    }

    @Test
    void aTensorMayHaveNoElement() throws Exception {
        open(DataType.FLOAT32, TensorFile.write(folder, header(entry("a", "F32", "[0, 2]", 0, 0))),
                weights -> assertEquals(new Shape(0, 2), weights.get("a", 0, 2).getShape()));
    }

    @Test
    void namesAreJoinedByDots() throws Exception {
        open(DataType.FLOAT32, TensorFile.write(folder, header(entry("down.0.bias", "F32", "[1]", 0, 4)), new byte[4]), weights -> {
            Weights down = weights.at("down").at("0");
            assertTrue(down.has("bias") && !weights.has("bias"));
            assertEquals(0, down.get("bias", 1).getFloat());
            weights.requireAllRead();
        });
    }

    @Test
    void whatDoesNotFitIsNamedWithWhatIsExpected() throws Exception {
        Path file = TensorFile.write(folder,
                header(entry("block.whole", "I64", "[1]", 0, 8), entry("block.weight", "F32", "[1, 2]", 8, 16)), new byte[16]);
        open(DataType.FLOAT32, file, weights -> {
            Weights block = weights.at("block");
            fails(() -> block.get("bias", 4), file, "block.bias", "missing", "[4]");
            fails(() -> block.get("weight", 2, 1), file, "block.weight", "[1, 2]", "[2, 1]");
            fails(() -> block.get("whole", 1), file, "block.whole", "I64", "F32");
        });
    }

    @Test
    void whatNoBlockReadIsNamed() throws Exception {
        Path file = TensorFile.write(folder, header(entry("a", "F32", "[1]", 0, 4), entry("b", "F32", "[1]", 4, 8)), new byte[8]);
        open(DataType.FLOAT32, file, weights -> {
            weights.get("a", 1);
            fails(weights::requireAllRead, file, "1 tensors", "b");
            weights.ignore("b");
            weights.requireAllRead();
        });
    }

    @Test
    void findsTheFileOfAFolder() throws Exception {
        Path half = Files.createFile(folder.resolve("model.fp16.safetensors"));
        assertEquals(half, Weights.find(folder));
        Path full = Files.createFile(folder.resolve("model.safetensors"));
        assertEquals(full, Weights.find(folder));
    }

    @Test
    void aFolderWithoutWeightsIsToldFromOneWithPickledOnes() throws Exception {
        assertTrue(assertThrows(NoSuchFileException.class, () -> Weights.find(folder)).getMessage().contains(folder.toString()));
        Path pickle = Files.createFile(folder.resolve("diffusion_pytorch_model.bin"));
        String told = assertThrows(IOException.class, () -> Weights.find(folder)).getMessage();
        assertTrue(told.contains(pickle.toString()) && told.contains("refused"), told);
    }

    private interface Reading {
        void run() throws IOException;
    }

    private static void fails(Reading reading, Path file, String... told) {
        String message = assertThrows(IOException.class, reading::run).getMessage();
        assertTrue(message.contains(file.toString()), message);
        for (String text : told) {
            assertTrue(message.contains(text), message);
        }
    }
}
