package org.fatezero;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import org.junit.jupiter.api.Assertions;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/** The stored reference numbers of {@code tests/golden}, and a scope to compute beside them. */
public final class Golden implements AutoCloseable {

    public static final Path FOLDER = Path.of("tests/golden");
    public static final Path TINY = FOLDER.resolve("tiny");

    public final NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
    public final Torch torch;
    private final SafeTensors file;

    public Golden(String name) throws IOException {
        this(FOLDER.resolve(name));
    }

    public Golden(Path arrays) throws IOException {
        torch = new Torch(manager);
        file = new SafeTensors(arrays);
    }

    public boolean has(String name) {
        return file.entries().containsKey(name);
    }

    /** A stored float array. */
    public NDArray array(String name) throws IOException {
        SafeTensors.Entry entry = entry(name);
        ByteBuffer bytes = file.read(entry);
        ByteBuffer own = ByteBuffer.allocateDirect(bytes.remaining()).order(ByteOrder.nativeOrder());
        own.put(bytes).rewind();
        return manager.create(own, new Shape(entry.shape()), DataType.FLOAT32);
    }

    /** A stored int64 array, flat. */
    public int[] integers(String name) throws IOException {
        ByteBuffer bytes = file.read(entry(name));
        int[] numbers = new int[bytes.remaining() / Long.BYTES];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = Math.toIntExact(bytes.getLong());
        }
        return numbers;
    }

    /** A stored array of bytes, flat. */
    public byte[] bytes(String name) throws IOException {
        ByteBuffer bytes = file.read(entry(name));
        byte[] copy = new byte[bytes.remaining()];
        bytes.get(copy);
        return copy;
    }

    private SafeTensors.Entry entry(String name) {
        SafeTensors.Entry entry = file.entries().get(name);
        Assertions.assertNotNull(entry, name + " is not stored in " + file.file());
        return entry;
    }

    /** The weights of a part of the tiny model. */
    public Weights weights(String part) throws IOException {
        return weights(TINY, part);
    }

    /** The weights of a part of the model in {@code folder}. */
    public Weights weights(Path folder, String part) throws IOException {
        return Weights.of(new SafeTensors(Weights.find(folder.resolve(part))), manager, DataType.FLOAT32, torch);
    }

    public static ModelConfig config(String part) throws IOException {
        return config(TINY, part);
    }

    public static ModelConfig config(Path folder, String part) throws IOException {
        return new ModelConfig(folder.resolve(part).resolve("config.json"));
    }

    /** Asserts that {@code |actual - expected| / |expected|} is below {@code limit}, in the Euclidean norm. */
    public static double assertClose(NDArray expected, NDArray actual, double limit, String what) {
        Assertions.assertEquals(expected.getShape(), actual.getShape(), what);
        double error = relativeError(expected, actual);
        Assertions.assertTrue(error < limit, what + ": relative error " + error + ", allowed " + limit);
        return error;
    }

    public static double relativeError(NDArray expected, NDArray actual) {
        float[] e = expected.toFloatArray();
        float[] a = actual.toFloatArray();
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < e.length; i++) {
            difference += ((double) a[i] - e[i]) * ((double) a[i] - e[i]);
            norm += (double) e[i] * e[i];
        }
        return Math.sqrt(difference / norm);
    }

    @Override
    public void close() throws IOException {
        file.close();
        manager.close();
    }
}
