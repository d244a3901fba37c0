package org.fatezero.tensor;

import ai.djl.ndarray.NDArray;

import com.google.gson.stream.JsonWriter;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.zip.CRC32C;

/**
 * Writes safetensors files, which {@link SafeTensors} reads. A file appears under its name only once all of it is on the
 * disk, so whoever reads sees the old one, the new one or none, however many write it and whenever they are stopped. Its notes
 * hold a checksum of each tensor, for {@link SafeTensors#requireIntact}.
 */
public final class TensorWriter {

    /** The note of the checksums: CRC-32C in hexadecimal, in the tensors' order. */
    static final String CHECKSUMS = "crc32c";

    private static final String PART = ".part";
    private static final Pattern PARTS = Pattern.compile("\\.[0-9a-f-]{36}\\.part");
    private static final Duration ABANDONED = Duration.ofHours(1); // without a write, where one takes seconds

    private TensorWriter() {
    }

    /**
     * @param file written under another name in the same folder first, which {@code .part} ends
     * @param tensors by name; of FLOAT32, FLOAT16, BFLOAT16 or FLOAT64
     * @param metadata notes for {@link SafeTensors#metadata}
     * @param attributes that the file is created with
     * @throws IOException if the folder cannot be written to or is full; nothing is left behind then
     */
    public static void write(Path file, Map<String, NDArray> tensors, Map<String, String> metadata,
            FileAttribute<?>... attributes) throws IOException {
        Path part = file.resolveSibling("." + UUID.randomUUID() + PART);
        try {
            try (FileChannel channel = FileChannel.open(part, Set.of(StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW),
                    attributes)) {
                int[] checksums = new int[tensors.size()];
                channel.position(header(tensors, metadata, checksums).remaining());
                int i = 0;
                for (NDArray tensor : tensors.values()) {
                    checksums[i++] = write(channel, tensor);
                }
                channel.position(0);
                writeAll(channel, header(tensors, metadata, checksums));
                channel.force(true);
            }
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileSystemException e) {
            throw e; // names its file
        } catch (IOException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        } finally {
            Files.deleteIfExists(part);
        }
        deleteAbandoned(part.toAbsolutePath().getParent());
    }

    /** Takes away what a process left behind that was killed while it wrote. */
    private static void deleteAbandoned(Path folder) throws IOException {
        Instant recently = Instant.now().minus(ABANDONED);
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder,
                file -> PARTS.matcher(file.getFileName().toString()).matches())) {
            for (Path part : files) {
                try {
                    if (Files.getLastModifiedTime(part, LinkOption.NOFOLLOW_LINKS).toInstant().isBefore(recently)) {
                        Files.deleteIfExists(part);
                    }
                } catch (FileSystemException e) {
                    continue; // another process has finished it, or it is another user's
                }
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
    }

    /** Returns the checksum of what is written. */
    private static int write(FileChannel channel, NDArray tensor) throws IOException {
        try (Scope scope = new Scope(tensor)) { // which may be on another device, or not in the order of memory
            CRC32C checksum = new CRC32C();
            if (tensor.size() > 0) {
                ByteBuffer bytes = tensor.toByteBuffer(true);
                checksum.update(bytes.duplicate());
                writeAll(channel, bytes);
            }
            return (int) checksum.getValue();
        }
    }

    /** As long whatever the checksums are. */
    private static ByteBuffer header(Map<String, NDArray> tensors, Map<String, String> metadata, int[] checksums) throws IOException {
        StringWriter text = new StringWriter();
        try (JsonWriter json = new JsonWriter(text)) {
            json.beginObject().name("__metadata__").beginObject();
            for (Map.Entry<String, String> note : metadata.entrySet()) {
                json.name(note.getKey()).value(note.getValue());
            }
            json.name(CHECKSUMS).value(Arrays.stream(checksums).mapToObj(TensorWriter::text).collect(Collectors.joining(" ")));
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

    /** A checksum as {@link #CHECKSUMS} has it. */
    static String text(int checksum) {
        return HexFormat.of().toHexDigits(checksum);
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
