package org.fatezero.tensor;

import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;

import org.fatezero.io.TextFile;
import org.fatezero.io.UserPath;

import java.io.EOFException;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.zip.CRC32C;

/**
 * A safetensors file, whose header is checked whole before any tensor is read. Tensors are read one by one, so the file's size
 * is not limited to 2 GiB, and never mapped: a file that another process cuts off is then an error like any other, where a
 * mapped one would end this process with SIGBUS.
 *
 * <p>The format: 8 bytes of little-endian header length, a JSON header naming each tensor's type, shape and bytes, then
 * the bytes. Every promise of the format is checked: the header's size, types, shapes whose product fits their bytes, no
 * duplicate name, no overlap, no hole, nothing after the last tensor. Reading cannot execute anything. One thread at a time
 * may read.
 */
public final class SafeTensors implements AutoCloseable {

    private static final long HEADER_LIMIT = 100_000_000;
    private static final int TENSOR_LIMIT = (1 << 30) - 1; // bfloat16 doubles
    private static final int RANK_LIMIT = 8;
    private static final int PIECE = 1 << 20; // read and summed up while it is in the processor's cache

    /** Types that a checkpoint may hold, with their bytes. */
    public enum Type {
        F64(8), F32(4), F16(2), BF16(2), I64(8), I32(4), I16(2), I8(1), U8(1), BOOL(1);

        final int bytes;

        Type(int bytes) {
            this.bytes = bytes;
        }
    }

    /** One tensor's place; {@code begin} and {@code end} count bytes from the start of the file. */
    public record Entry(String name, Type type, long[] shape, long begin, long end) {
    }

    private final Path file;
    private final SeekableByteChannel channel;
    private final long size;
    private final Map<String, Entry> entries;
    private final Map<String, String> metadata = new LinkedHashMap<>();
    private final Map<String, Integer> checksums = new HashMap<>(); // of the tensors that were read
    private long dataStart;  // where the header ends

    /**
     * Opens and checks {@code file}.
     *
     * @throws IOException naming the file, what was found and what was expected
     */
    public SafeTensors(Path file) throws IOException {
        this.file = file;
        channel = Files.newByteChannel(file);
        try {
            size = channel.size();
            entries = Collections.unmodifiableMap(readHeader());
        } catch (IOException | RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    public Map<String, Entry> entries() {
        return entries;
    }

    /** What the writer noted, key by key. */
    public Map<String, String> metadata() {
        return Collections.unmodifiableMap(metadata);
    }

    public Path file() {
        return file;
    }

    /** Adds the header, and the checksum of every tensor that was read: what tells one checkpoint from another. */
    public void digest(MessageDigest digest) throws IOException {
        digest.update(bytes(0, (int) dataStart));
        for (String name : entries.keySet()) {
            digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(checksums.getOrDefault(name, 0)).flip());
        }
    }

    /** The bytes of {@code entry}, little-endian. */
    public ByteBuffer read(Entry entry) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocateDirect(length(entry)).order(ByteOrder.LITTLE_ENDIAN);
        read(entry, bytes);
        return bytes.flip();
    }

    /**
     * Reads the bytes of {@code entry}.
     *
     * @param into direct, with room for all of them
     * @throws IOException if the file ends before they do, which it did not when it was opened
     */
    void read(Entry entry, ByteBuffer into) throws IOException {
        int length = length(entry);
        CRC32C checksum = new CRC32C();
        channel.position(entry.begin);
        for (int done = 0; done < length;) {
            ByteBuffer piece = into.slice(into.position(), Math.min(PIECE, length - done));
            fill(piece);
            checksum.update(piece.flip());
            done += piece.limit();
            into.position(into.position() + piece.limit());
        }
        checksums.put(entry.name, (int) checksum.getValue());
    }

    /**
     * Checks the tensors that were read so far.
     *
     * @throws IOException naming one that is not as {@link TensorWriter} wrote it, or if that did not write the file
     */
    public void requireIntact() throws IOException {
        String written = metadata.get(TensorWriter.CHECKSUMS);
        int width = TensorWriter.text(0).length() + 1;
        if (written == null || written.length() + 1 != Math.max(1, entries.size() * width)) {
            throw malformed("it has no checksum for each of its " + entries.size()
                    + " tensors; it was not written by this program, or is damaged");
        }
        int i = 0;
        for (String name : entries.keySet()) {
            String expected = written.substring(i, i + width - 1);
            i += width;
            if (checksums.containsKey(name) && !TensorWriter.text(checksums.get(name)).equals(expected)) {
                throw malformed("tensor " + name + " is damaged: its checksum is " + TensorWriter.text(checksums.get(name)) + ", that of "
                        + "what was written " + expected);
            }
        }
    }

    private int length(Entry entry) throws IOException {
        long length = entry.end - entry.begin;
        if (length > TENSOR_LIMIT) {
            throw malformed("tensor " + entry.name + " has " + length + " bytes, at most " + TENSOR_LIMIT
                    + " are supported");
        }
        return (int) length;
    }

    private ByteBuffer bytes(long begin, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        channel.position(begin);
        fill(bytes);
        return bytes.flip();
    }

    private void fill(ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            if (channel.read(bytes) < 0) {
                throw malformed("the file changed while it was read: it had " + size + " bytes and now ends at "
                        + channel.size());
            }
        }
    }

    private Map<String, Entry> readHeader() throws IOException {
        if (size < 8) {
            throw malformed("it has " + size + " bytes, too few for a header");
        }
        ByteBuffer start = bytes(0, (int) Math.min(size, 16));
        refusePickle(start);
        long length = start.getLong(0);
        if (length < 2 || length > HEADER_LIMIT || length > size - 8) {
            throw malformed("its header claims " + Long.toUnsignedString(length) + " bytes, but the file has " + size
                    + (length > HEADER_LIMIT ? " and a header may have " + HEADER_LIMIT : "")
                    + "; it is truncated or not safetensors");
        }
        CharBuffer header;
        try {
            header = StandardCharsets.UTF_8.newDecoder().decode(bytes(8, (int) length));
        } catch (CharacterCodingException e) {
            throw malformed("its header is not UTF-8");
        }
        if (header.charAt(0) != '{') {
            throw malformed("its header does not start with '{'");
        }
        dataStart = 8 + length;
        Map<String, Entry> found = new LinkedHashMap<>();
        try (JsonReader json = new JsonReader(new StringReader(header.toString()))) {
            json.beginObject();
            while (json.hasNext()) {
                String name = json.nextName();
                if (name.equals("__metadata__")) {
                    readMetadata(json);
                } else if (found.put(name, readEntry(json, name)) != null) {
                    throw malformed("tensor " + name + " is listed twice");
                }
            }
            json.endObject();
            if (json.peek() != JsonToken.END_DOCUMENT) {
                throw malformed("something follows its header");
            }
        } catch (IllegalStateException | NumberFormatException | MalformedJsonException | EOFException e) {
            throw malformed("its header is not what safetensors prescribes: " + TextFile.reason(e));
        }
        requireContiguous(found);
        return found;
    }

    private void readMetadata(JsonReader json) throws IOException {
        json.beginObject();
        while (json.hasNext()) {
            metadata.put(json.nextName(), json.nextString());
        }
        json.endObject();
    }

    private Entry readEntry(JsonReader json, String name) throws IOException {
        Type type = null;
        long[] shape = null;
        long[] offsets = null;
        Set<String> given = new HashSet<>();
        json.beginObject();
        while (json.hasNext()) {
            String key = json.nextName();
            if (!given.add(key)) {
                throw malformed("tensor " + name + " has its " + key + " twice");
            }
            switch (key) {
                case "dtype" -> type = type(name, json.nextString());
                case "shape" -> shape = longs(json, name, RANK_LIMIT);
                case "data_offsets" -> offsets = longs(json, name, 2);
                default -> throw malformed("tensor " + name + " has an unknown field " + key);
            }
        }
        json.endObject();
        if (type == null || shape == null || offsets == null || offsets.length != 2) {
            throw malformed("tensor " + name + " lacks its dtype, shape or data_offsets");
        }
        long bytes;
        try {
            bytes = type.bytes;
            for (long extent : shape) {
                bytes = Math.multiplyExact(bytes, extent);
            }
        } catch (ArithmeticException e) {
            throw malformed("tensor " + name + " has an impossible shape " + Arrays.toString(shape));
        }
        if (offsets[0] > offsets[1] || offsets[1] > size - dataStart) {
            throw malformed("tensor " + name + " lies at " + Arrays.toString(offsets) + ", but the file has only "
                    + (size - dataStart) + " bytes of data; it is truncated");
        }
        if (offsets[1] - offsets[0] != bytes) {
            throw malformed("tensor " + name + " of type " + type + " and shape " + Arrays.toString(shape) + " needs "
                    + bytes + " bytes and has " + (offsets[1] - offsets[0]));
        }
        return new Entry(name, type, shape, dataStart + offsets[0], dataStart + offsets[1]);
    }

    private Type type(String name, String text) throws IOException {
        for (Type type : Type.values()) {
            if (type.name().equals(text)) {
                return type;
            }
        }
        throw malformed("tensor " + name + " has the type " + text + "; known are " + Arrays.toString(Type.values()));
    }

    private long[] longs(JsonReader json, String name, int limit) throws IOException {
        List<Long> numbers = new ArrayList<>();
        json.beginArray();
        while (json.hasNext()) {
            long number = json.nextLong();
            if (number < 0 || numbers.size() == limit) {
                throw malformed("tensor " + name + " has a negative or overlong list of numbers");
            }
            numbers.add(number);
        }
        json.endArray();
        return numbers.stream().mapToLong(Long::longValue).toArray();
    }

    private void requireContiguous(Map<String, Entry> found) throws IOException {
        List<Entry> byPlace = new ArrayList<>(found.values());
        byPlace.sort(Comparator.comparingLong(Entry::begin).thenComparingLong(Entry::end));
        long end = dataStart;
        for (Entry entry : byPlace) {
            if (entry.begin != end) {
                throw malformed("tensor " + entry.name + (entry.begin < end ? " overlaps the one before it"
                        : " leaves a hole before it"));
            }
            end = entry.end;
        }
        if (end != size) {
            throw malformed((size - end) + " bytes follow the last tensor");
        }
    }

    /** The command that makes such a file of a pickled one, whose reading would run code. */
    public static String conversion(String pickled) {
        String suffix = pickled.matches("(?is).*\\.safetensors") ? ".converted.safetensors" : ".safetensors"; // it may only be called so
        String converted = pickled.replaceFirst("(?<=[^/])\\.[^./]+$", "") + suffix;
        return "python -c \"import sys, torch, safetensors.torch as s; "
                + "d = torch.load(sys.argv[1], map_location='cpu', weights_only=True); d = d.get('state_dict', d); "
                + "s.save_file({k: v.clone().contiguous() for k, v in d.items() if torch.is_tensor(v)}, sys.argv[2])\" "
                + UserPath.quoted(pickled) + " " + UserPath.quoted(converted);
    }

    private void refusePickle(ByteBuffer start) throws IOException {
        int first = start.get(0) & 0xff;
        int second = start.get(1) & 0xff;
        boolean zip = first == 'P' && second == 'K';
        if (zip || first == 0x80 && second >= 2 && second <= 5) {
            throw malformed("it is a pickled checkpoint, which could run code when read, and is refused; convert it: "
                    + conversion(file.toString()));
        }
    }

    private IOException malformed(String reason) {
        return new IOException(file + ": " + reason);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
