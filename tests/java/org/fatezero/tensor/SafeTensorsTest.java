package org.fatezero.tensor;

import static org.fatezero.tensor.TensorFile.entry;
import static org.fatezero.tensor.TensorFile.header;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;

class SafeTensorsTest {

    @TempDir
    private Path folder;

    @Test
    void readsTensorsByTheirNames() throws Exception {
        Path file = TensorFile.write(folder, header(entry("b", "U8", "[2]", 1, 3), entry("a", "I8", "[]", 0, 1)),
                (byte) 7, (byte) 8, (byte) 9);
        try (SafeTensors tensors = new SafeTensors(file)) {
            assertEquals(Set.of("a", "b"), tensors.entries().keySet());
            assertArrayEquals(new long[] {2}, tensors.entries().get("b").shape());
            assertEquals(ByteBuffer.wrap(new byte[] {8, 9}), tensors.read(tensors.entries().get("b")));
            assertEquals(ByteBuffer.wrap(new byte[] {7}), tensors.read(tensors.entries().get("a")));
        }
    }

    @Test
    void aTensorMayHaveNoElementAndTheFileNoTensor() throws Exception {
        Path file = TensorFile.write(folder, header(entry("none", "F32", "[0, 3]", 0, 0), entry("one", "U8", "[1]", 0, 1),
                entry("last", "F32", "[2, 0]", 1, 1)), (byte) 7);
        try (SafeTensors tensors = new SafeTensors(file)) {
            assertEquals(0, tensors.read(tensors.entries().get("none")).remaining());
            assertEquals(0, tensors.read(tensors.entries().get("last")).remaining());
        }
        try (SafeTensors tensors = new SafeTensors(TensorFile.write(folder, "{}"))) {
            assertTrue(tensors.entries().isEmpty());
        }
    }

    @Test
    void metadataIsNoTensorAndSpacesMayFillTheHeader() throws Exception {
        Path file = TensorFile.write(folder, header("\"__metadata__\": {\"format\": \"pt\"}", entry("a", "U8", "[1]", 0, 1))
                + "     ", (byte) 7);
        try (SafeTensors tensors = new SafeTensors(file)) {
            assertEquals(Set.of("a"), tensors.entries().keySet());
        }
    }

    @Test
    void readsFromWithinAJar() throws Exception {
        Path file = TensorFile.write(folder, header(entry("a", "U8", "[2]", 0, 2)), (byte) 7, (byte) 8);
        URI jar = URI.create("jar:" + folder.resolve("models.jar").toUri());
        try (FileSystem within = FileSystems.newFileSystem(jar, Map.of("create", "true"))) {
            Path copy = Files.copy(file, within.getPath("/model.safetensors"));
            try (SafeTensors tensors = new SafeTensors(copy)) {
                assertEquals(ByteBuffer.wrap(new byte[] {7, 8}), tensors.read(tensors.entries().get("a")));
            }
        }
    }

    @Test
    void readsBeyondTwoGibibytes() throws Exception {
        long large = 3L << 29;
        byte[] json = header(entry("one", "U8", "[" + large + "]", 0, large), entry("two", "U8", "[" + large + "]", large, 2 * large),
                entry("last", "F32", "[1]", 2 * large, 2 * large + 4)).getBytes(StandardCharsets.UTF_8);
        Path path = folder.resolve("large.safetensors");
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(8 + json.length + 2 * large + 4); // a hole on disk, but for what is written
            file.writeLong(Long.reverseBytes(json.length));
            file.write(json);
            file.seek(8 + json.length + 2 * large);
            file.writeInt(Integer.reverseBytes(Float.floatToIntBits(1.5f)));
        }
        try (SafeTensors tensors = new SafeTensors(path)) {
            assertEquals(1.5f, tensors.read(tensors.entries().get("last")).getFloat());
            assertMessage(assertThrows(IOException.class, () -> tensors.read(tensors.entries().get("one"))), "one", "1610612736");
        }
    }

    @Test
    void aFileThatIsNotThereIsNamed() {
        Path missing = folder.resolve("missing.safetensors");
        assertMessage(assertThrows(NoSuchFileException.class, () -> new SafeTensors(missing)), missing.toString());
    }

    @Test
    void aFileThatShrinksWhileItIsOpenIsNotReadFrom() throws Exception {
        Path file = TensorFile.write(folder, header(entry("a", "U8", "[2]", 0, 2)), (byte) 7, (byte) 8);
        try (SafeTensors tensors = new SafeTensors(file)) {
            Files.write(file, new byte[4]);
            IOException thrown = assertThrows(IOException.class, () -> tensors.read(tensors.entries().get("a")));
            assertMessage(thrown, "changed", "had 70 bytes", "ends at 4");
        }
    }

    /** A mapped file would end the process here, or fail with an InternalError. */
    @Test
    void whatIsReadIsNoPartOfTheFileAnyMore() throws Exception {
        byte[] data = new byte[1 << 16];
        data[5000] = 7;
        Path file = TensorFile.write(folder, header(entry("a", "U8", "[65536]", 0, 65536)), data);
        try (SafeTensors tensors = new SafeTensors(file)) {
            ByteBuffer read = tensors.read(tensors.entries().get("a"));
            Files.write(file, new byte[4]);
            assertEquals(ByteBuffer.wrap(data), read);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 7, 8, 9, 40, 80})
    void truncation(int length) throws Exception {
        byte[] whole = Files.readAllBytes(TensorFile.write(folder, header(entry("tensor", "F32", "[2]", 0, 8)), new byte[8]));
        assertTrue(length < whole.length);
        Files.write(folder.resolve("model.safetensors"), Arrays.copyOf(whole, length));
        refused(folder.resolve("model.safetensors"), length < 8 ? "too few" : "truncated");
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 3, 100_000_001, 2L << 30, Long.MAX_VALUE, -1, Long.MIN_VALUE})
    void aHeaderOfImpossibleLength(long length) throws Exception {
        refused(TensorFile.write(folder, length, "{}".getBytes(StandardCharsets.UTF_8)), Long.toUnsignedString(length));
    }

    @Test
    void aHeaderAboveTheLimitEvenWhereTheFileHasIt() throws Exception {
        Path path = folder.resolve("header.safetensors");
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.writeLong(Long.reverseBytes(100_000_001));
            file.setLength(8 + 100_000_001);
        }
        refused(path, "100000000");
    }

    @Test
    void aHeaderThatIsNotUtf8() throws Exception {
        byte[] latin1 = "{\"é\": {}}".getBytes(StandardCharsets.ISO_8859_1);
        refused(TensorFile.write(folder, latin1.length, latin1), "UTF-8");
    }

    @ParameterizedTest
    @ValueSource(strings = {"[]", " {}", "\ufeff{}", "\"a\"", "12"})
    void aHeaderThatDoesNotStartWithABrace(String header) throws Exception {
        refused(TensorFile.write(folder, header), "'{'");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"a\": 3}", "{\"a\": {}}", "{\"a\": {\"dtype\": \"F32\"", "{{", "{\"a\": null}", "{} {}", "{}]",
        "{\"a\": {\"dtype\": \"U8\", \"shape\": [-1], \"data_offsets\": [0, 0]}}",
        "{\"a\": {\"dtype\": \"U8\", \"shape\": [0.5], \"data_offsets\": [0, 0]}}",
        "{\"a\": {\"dtype\": \"U8\", \"shape\": [1e30], \"data_offsets\": [0, 0]}}",
        "{\"a\": {\"dtype\": \"U8\", \"shape\": [0], \"data_offsets\": [0]}}",
        "{\"a\": {\"dtype\": \"U8\", \"shape\": [0], \"data_offsets\": [0, 0, 0]}}",
        "{\"a\": {\"dtype\": \"U8\", \"shape\": [0,0,0,0,0,0,0,0,0], \"data_offsets\": [0, 0]}}"})
    void aHeaderOfAnotherForm(String header) throws Exception {
        refused(TensorFile.write(folder, header));
    }

    @Test
    void aHeaderThatNestsWithoutEnd() throws Exception {
        refused(TensorFile.write(folder, "{\"__metadata__\": " + "[".repeat(1_000_000)));
        refused(TensorFile.write(folder, "{\"a\": {\"shape\": " + "[".repeat(1_000_000)));
    }

    @Test
    void aTensorListedTwice() throws Exception {
        refused(TensorFile.write(folder, header(entry("a", "U8", "[1]", 0, 1), entry("a", "U8", "[1]", 1, 2)), new byte[2]),
                "a is listed twice");
    }

    @Test
    void aFieldGivenTwice() throws Exception {
        refused(TensorFile.write(folder,
                "{\"a\": {\"dtype\": \"U8\", \"shape\": [7], \"shape\": [1], \"data_offsets\": [0, 1]}}", new byte[1]), "shape");
    }

    @Test
    void overlap() throws Exception {
        refused(TensorFile.write(folder, header(entry("a", "U8", "[2]", 0, 2), entry("b", "U8", "[2]", 1, 3)), new byte[3]),
                "b overlaps");
    }

    @Test
    void aHole() throws Exception {
        refused(TensorFile.write(folder, header(entry("a", "U8", "[1]", 0, 1), entry("b", "U8", "[1]", 2, 3)), new byte[3]),
                "b leaves a hole");
        refused(TensorFile.write(folder, header(entry("a", "U8", "[1]", 1, 2)), new byte[2]), "a leaves a hole");
    }

    @Test
    void trailingBytes() throws Exception {
        refused(TensorFile.write(folder, header(entry("a", "U8", "[1]", 0, 1)), new byte[6]), "5 bytes follow");
    }

    @Test
    void aShapeWhoseSizeWrapsAround() throws Exception {
        refused(TensorFile.write(folder, header(entry("a", "F32", "[1073741825]", 0, 4)), new byte[4]), "4294967300", "has 4");
        refused(TensorFile.write(folder, header(entry("a", "F32", "[4611686018427387905]", 0, 4)), new byte[4]), "impossible");
        refused(TensorFile.write(folder, header(entry("a", "F32", "[4294967296, 4294967296]", 0, 0))), "impossible");
    }

    @Test
    void bytesThatAreNotThoseOfTheShape() throws Exception {
        refused(TensorFile.write(folder, header(entry("a", "F32", "[2]", 0, 4)), new byte[4]), "[2]", "needs 8", "has 4");
        refused(TensorFile.write(folder, header(entry("a", "U8", "[0]", 1, 0)), new byte[1]), "a lies at [1, 0]");
    }

    @Test
    void anUnknownType() throws Exception {
        refused(TensorFile.write(folder, header(entry("a", "F8_E5M2", "[1]", 0, 1)), new byte[1]), "F8_E5M2", "BF16");
    }

    @Test
    void anUnknownField() throws Exception {
        refused(TensorFile.write(folder,
                "{\"a\": {\"dtype\": \"U8\", \"shape\": [1], \"data_offsets\": [0, 1], \"strides\": [1]}}", new byte[1]), "strides");
    }

    @Test
    void pickledCheckpointsAreRefusedWithTheWayToConvertThem() throws Exception {
        byte[] zip = new byte[64];
        ByteBuffer.wrap(zip).put("PK\3\4".getBytes(StandardCharsets.ISO_8859_1));
        byte[] pickle = new byte[64];
        ByteBuffer.wrap(pickle).order(ByteOrder.BIG_ENDIAN).put((byte) 0x80).put((byte) 2).put((byte) '}');
        for (byte[] content : new byte[][] {zip, pickle}) {
            refused(Files.write(folder.resolve("model.safetensors"), content), "pickle", "safetensors.torch");
        }
    }

    /** The command leaves the user's own file alone, and the shell takes each path as one word. */
    @ParameterizedTest
    @CsvSource(quoteCharacter = '"', value = {
        "a.ckpt, 'a.ckpt' 'a.safetensors'", "a.PT, 'a.PT' 'a.safetensors'", "/b/a.pt2, '/b/a.pt2' '/b/a.safetensors'",
        "/b.d/a, '/b.d/a' '/b.d/a.safetensors'", "/b/.a, '/b/.a' '/b/.a.safetensors'",
        "a.safetensors, 'a.safetensors' 'a.converted.safetensors'", "A.SafeTensors, 'A.SafeTensors' 'A.converted.safetensors'",
        "my $a.b.bin, 'my $a.b.bin' 'my $a.b.safetensors'", "it's.pt, 'it'\\''s.pt' 'it'\\''s.safetensors'"})
    void aPickleIsConvertedToAFileOfItsOwn(String pickled, String paths) {
        String command = SafeTensors.conversion(pickled);
        assertTrue(command.endsWith("sys.argv[2])\" " + paths), command);
    }

    private static void refused(Path file, String... told) {
        assertMessage(assertThrows(IOException.class, () -> new SafeTensors(file).close()), file.toString());
        assertMessage(assertThrows(IOException.class, () -> new SafeTensors(file).close()), told);
    }

    private static void assertMessage(IOException error, String... told) {
        assertEquals(1, error.getMessage().lines().count(), error.getMessage());
        for (String text : told) {
            assertTrue(error.getMessage().contains(text), error.getMessage());
        }
    }
}
