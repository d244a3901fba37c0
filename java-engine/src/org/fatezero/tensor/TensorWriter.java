package org.fatezero.tensor;

import ai.djl.ndarray.NDArray;

import com.google.gson.stream.JsonWriter;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.UUID;

/**
 * Writes safetensors files, which {@link SafeTensors} reads. A file appears under its name only once all of it is on the
 * disk, so whoever reads sees the old one, the new one or none, however many write it and whenever they are stopped.
 */
public final class TensorWriter {

    private static final String PART = ".part";

    private TensorWriter() {
    }

    /**
     * @param file written under another name in the same folder first, which {@code .part} ends
     * @param tensors by name; of FLOAT32, FLOAT16, BFLOAT16 or FLOAT64
     * @param metadata notes for {@link SafeTensors#metadata}
     * @throws IOException if the folder cannot be written to or is full; nothing is left behind then
     */
    public static void write(Path file, Map<String, NDArray> tensors, Map<String, String> metadata) throws IOException {
        Path part = file.resolveSibling("." + UUID.randomUUID() + PART);
        try {
            try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW)) {
                writeAll(channel, header(tensors, metadata));
                for (NDArray tensor : tensors.values()) {
                    writeAll(channel, tensor.toByteBuffer());
                }
                channel.force(true);
            }
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(part);
        }
    }

    private static ByteBuffer header(Map<String, NDArray> tensors, Map<String, String> metadata) throws IOException {
        StringWriter text = new StringWriter();
        try (JsonWriter json = new JsonWriter(text)) {
            json.beginObject().name("__metadata__").beginObject();
            for (Map.Entry<String, String> note : metadata.entrySet()) {
                json.name(note.getKey()).value(note.getValue());
            }
            json.endObject();
            long begin = 0;
            for (Map.Entry<String, NDArray> tensor : tensors.entrySet()) {
                SafeTensors.Type type = type(tensor.getValue());
                long end = begin + tensor.getValue().getShape().size() * type.bytes;
                json.name(tensor.getKey()).beginObject().name("dtype").value(type.name()).name("shape").beginArray();
                for (long extent : tensor.getValue().getShape().getShape()) {
                    json.value(extent);
                }
                json.endArray().name("data_offsets").beginArray().value(begin).value(end).endArray().endObject();
                begin = end;
            }
            json.endObject();
        }
        byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(Long.BYTES + bytes.length).order(ByteOrder.LITTLE_ENDIAN).putLong(bytes.length).put(bytes).flip();
    }

    private static SafeTensors.Type type(NDArray tensor) {
        return switch (tensor.getDataType()) {
            case FLOAT64 -> SafeTensors.Type.F64;
            case FLOAT32 -> SafeTensors.Type.F32;
            case FLOAT16 -> SafeTensors.Type.F16;
            case BFLOAT16 -> SafeTensors.Type.BF16;
            default -> throw new IllegalArgumentException("tensors of " + tensor.getDataType() + " are not written");
        };
    }

    private static void writeAll(FileChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }
}
