package org.fatezero.tensor;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The weights of one network, read by their checkpoint's own names: {@code weights.at("down_blocks.0").get("conv.bias", 8)}.
 *
 * <p>A tensor is converted once, to the precision and device of the manager it was opened with, and remembers that it
 * was asked for, so that {@link #requireAllRead} can name what no block wanted.
 */
public final class Weights {

    /** Changes tensors as they are read. */
    @FunctionalInterface
    public interface Adapter {

        /** Leaves every tensor as it is. */
        Adapter NONE = (name, tensor) -> tensor;

        /**
         * @param name of the tensor, as blocks ask for it
         * @param tensor in the precision asked for, or FLOAT32 if that is BFLOAT16; closed if another is returned
         * @return a tensor of the same shape, precision and manager
         * @throws IOException if the tensor cannot be changed so
         */
        NDArray adapt(String name, NDArray tensor) throws IOException;
    }

    private final SafeTensors file;
    private final Map<String, SafeTensors.Entry> tensors; // by the names that blocks ask for
    private final Adapter adapter;
    private final Set<String> unread;
    private final String prefix;
    private final NDManager manager;
    private final DataType precision;
    private final Torch torch;

    private Weights(SafeTensors file, Map<String, SafeTensors.Entry> tensors, Adapter adapter, Set<String> unread, String prefix,
            NDManager manager, DataType precision, Torch torch) {
        this.file = file;
        this.tensors = tensors;
        this.adapter = adapter;
        this.unread = unread;
        this.prefix = prefix;
        this.manager = manager;
        this.precision = precision;
        this.torch = torch;
    }

    /**
     * The weights in {@code file}, which stays open as long as blocks read from it.
     *
     * @param manager owns what is read
     * @param precision FLOAT32, FLOAT16 or BFLOAT16
     */
    public static Weights of(SafeTensors file, NDManager manager, DataType precision, Torch torch) {
        return of(file, file.entries(), Adapter.NONE, manager, precision, torch);
    }

    /**
     * Weights of a file that names them otherwise, or that change as they are read.
     *
     * @param tensors the file's tensors by the names that blocks ask for
     */
    public static Weights of(SafeTensors file, Map<String, SafeTensors.Entry> tensors, Adapter adapter, NDManager manager,
            DataType precision, Torch torch) {
        return new Weights(file, tensors, adapter, new TreeSet<>(tensors.keySet()), "", manager, precision, torch);
    }

    /**
     * The safetensors file of a model's folder, in the diffusers or the transformers layout.
     *
     * @throws NoSuchFileException if there is none, telling what lies there instead
     */
    public static Path find(Path folder) throws IOException {
        for (String name : List.of("diffusion_pytorch_model.safetensors", "model.safetensors",
                "diffusion_pytorch_model.fp16.safetensors", "model.fp16.safetensors")) {
            if (Files.isRegularFile(folder.resolve(name))) {
                return folder.resolve(name);
            }
        }
        for (String name : List.of("diffusion_pytorch_model.bin", "pytorch_model.bin")) {
            Path pickled = folder.resolve(name);
            if (Files.exists(pickled)) {
                throw new IOException(pickled + ": pickled weights could run code when read and are refused; download the "
                        + ".safetensors file of the same name, or convert it: " + SafeTensors.conversion(pickled.toString()));
            }
        }
        for (String name : List.of("diffusion_pytorch_model.safetensors.index.json", "model.safetensors.index.json")) {
            if (Files.exists(folder.resolve(name))) {
                throw new NoSuchFileException(folder.resolve(name) + ": the weights are in several files; expected one, as "
                        + "save_pretrained(..., max_shard_size=\"20GB\") writes it");
            }
        }
        throw new NoSuchFileException(folder + ": no *.safetensors weights there; a model's folder is expected");
    }

    /** The weights below {@code name}. */
    public Weights at(String name) {
        return new Weights(file, tensors, adapter, unread, prefix + name + ".", manager, precision, torch);
    }

    /** The block's name in the checkpoint, such as {@code up_blocks.1.resnets.0}; empty for the whole network. */
    public String name() {
        return prefix.isEmpty() ? prefix : prefix.substring(0, prefix.length() - 1);
    }

    public boolean has(String name) {
        return tensors.containsKey(prefix + name);
    }

    /** The first extent of a tensor's shape; 0 if there is no such tensor, or it has no axes. */
    public long extent(String name) {
        SafeTensors.Entry entry = tensors.get(prefix + name);
        return entry == null || entry.shape().length == 0 ? 0 : entry.shape()[0];
    }

    public Torch torch() {
        return torch;
    }

    /**
     * The tensor {@code name} of the given shape. A 1x1 convolution may be asked for as a matrix, and the other way round.
     *
     * @throws IOException if it is missing or of another shape, naming it and the file
     */
    public NDArray get(String name, long... shape) throws IOException {
        SafeTensors.Entry entry = tensors.get(prefix + name);
        if (entry == null) {
            throw new IOException(file.file() + ": tensor " + prefix + name + " is missing, expected with shape "
                    + Arrays.toString(shape) + "; is this the file of another model?");
        }
        if (!Arrays.equals(withoutOnes(entry.shape()), withoutOnes(shape))) {
            throw new IOException(file.file() + ": tensor " + prefix + name + " has shape "
                    + Arrays.toString(entry.shape()) + ", expected " + Arrays.toString(shape) + " from the model's configuration");
        }
        unread.remove(prefix + name);
        if (precision != DataType.BFLOAT16) {
            return adapter.adapt(prefix + name, convert(entry, precision, shape));
        }
        try (NDArray single = adapter.adapt(prefix + name, convert(entry, DataType.FLOAT32, shape))) {
            return torch.toBfloat16(single);
        }
    }

    /** A shape without the ones at its end. */
    private static long[] withoutOnes(long[] shape) {
        int rank = shape.length;
        while (rank > 1 && shape[rank - 1] == 1) {
            rank--;
        }
        return Arrays.copyOf(shape, rank);
    }

    /** Marks a tensor that a network does not need, such as a buffer of positions, as read. */
    public void ignore(String name) {
        unread.remove(prefix + name);
    }

    /**
     * @throws IOException if the file holds tensors that no block asked for: it is then of another architecture
     */
    public void requireAllRead() throws IOException {
        if (!unread.isEmpty()) {
            throw new IOException(file.file() + ": " + unread.size() + " tensors belong to no block of this model, among them "
                    + String.join(", ", unread.stream().limit(3).toList()) + "; is this the file of another model?");
        }
    }

    private NDArray convert(SafeTensors.Entry entry, DataType type, long[] shape) throws IOException {
        NDArray stored = read(file, entry, manager, shape);
        if (stored.getDataType() == type) {
            return stored;
        }
        try (stored) {
            return stored.toType(type, true);
        }
    }

    /**
     * The tensor as it is stored, but for bfloat16, which becomes single precision. It is read into libtorch's own memory.
     *
     * @param manager owns it
     */
    public static NDArray read(SafeTensors file, SafeTensors.Entry entry, NDManager manager, long... shape) throws IOException {
        DataType type = switch (entry.type()) {
            case F32, BF16 -> DataType.FLOAT32;
            case F16 -> DataType.FLOAT16;
            default -> throw new IOException(file.file() + ": tensor " + entry.name() + " has the type " + entry.type()
                    + ", expected F32, F16 or BF16");
        };
        try (NDManager host = manager.newSubManager(Device.cpu())) {
            NDArray array = host.create(new Shape(shape), type);
            if (array.size() > 0) {
                ByteBuffer memory = array.toByteBuffer(true);
                if (entry.type() == SafeTensors.Type.BF16) {
                    readWidened(file, entry, memory);
                } else {
                    file.read(entry, memory);
                }
            }
            NDArray placed = array.toDevice(manager.getDevice(), false);
            placed.attach(manager);
            return placed;
        }
    }

    /** The one number of a tensor, of any type that trainers write numbers in. */
    public static double number(SafeTensors file, SafeTensors.Entry entry, NDManager manager) throws IOException {
        return switch (entry.type()) {
            case I64 -> bytes(file, entry).getLong(0);
            case I32 -> bytes(file, entry).getInt(0);
            case F64 -> bytes(file, entry).getDouble(0);
            default -> {
                try (NDArray number = read(file, entry, manager, 1); NDArray single = number.toType(DataType.FLOAT32, true)) {
                    yield single.getFloat();
                }
            }
        };
    }

    private static ByteBuffer bytes(SafeTensors file, SafeTensors.Entry entry) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocateDirect(entry.type().bytes).order(ByteOrder.LITTLE_ENDIAN);
        file.read(entry, bytes);
        return bytes;
    }

    /** bfloat16 is the upper half of a float32: it is read into the second half of the array's memory, and widened from the start on. */
    private static void readWidened(SafeTensors file, SafeTensors.Entry entry, ByteBuffer float32) throws IOException {
        int half = float32.capacity() / 2;
        file.read(entry, float32.position(half));
        for (int i = 0; i < half / 2; i++) {
            float32.putInt(4 * i, float32.getShort(half + 2 * i) << 16);
        }
    }
}
