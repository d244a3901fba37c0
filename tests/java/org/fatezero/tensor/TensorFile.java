package org.fatezero.tensor;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes safetensors files, right and wrong ones. */
final class TensorFile {

    private TensorFile() {
    }

    static Path write(Path folder, String header, byte... data) throws IOException {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        return write(folder, json.length, json, data);
    }

    /** A file whose header claims to have {@code length} bytes. */
    static Path write(Path folder, long length, byte[] header, byte... data) throws IOException {
        ByteBuffer content = ByteBuffer.allocate(8 + header.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
        content.putLong(length).put(header).put(data);
        return Files.write(folder.resolve("model.safetensors"), content.array());
    }

    static String entry(String name, String type, String shape, long begin, long end) {
        return "\"" + name + "\": {\"dtype\": \"" + type + "\", \"shape\": " + shape + ", \"data_offsets\": [" + begin + ", "
                + end + "]}";
    }

    static String header(String... entries) {
        return "{" + String.join(", ", entries) + "}";
    }
}
