package org.fatezero.tensor;

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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Stream;

class TensorWriterTest {

    @TempDir
    private Path folder;

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "FLOAT16", "FLOAT64"})
    void whatIsWrittenIsRead(DataType type) throws Exception {
        Path file = folder.resolve("x.safetensors");
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            NDArray numbers = manager.create(new float[] {1, -2, 0.5f, Float.NaN, 0, 3}, new Shape(2, 3));
            Map<String, NDArray> tensors = new LinkedHashMap<>();
            tensors.put("none", manager.zeros(new Shape(0, 3)));
            tensors.put("turned \"é\"", numbers.transpose().toType(type, false)); // not in the order of memory
            tensors.put("one", manager.create(7f).toType(type, false));
            TensorWriter.write(file, tensors, Map.of("note", "a \"b\"\n🚗"));
            try (SafeTensors read = new SafeTensors(file)) {
                assertEquals("a \"b\"\n🚗", read.metadata().get("note"));
                assertEquals(List.copyOf(tensors.keySet()), List.copyOf(read.entries().keySet()));
                SafeTensors.Entry entry = read.entries().get("turned \"é\"");
                assertArrayEquals(new long[] {3, 2}, entry.shape());
                NDArray found = manager.create(read.read(entry), new Shape(3, 2), type).toType(DataType.FLOAT32, true);
                assertArrayEquals(new float[] {1, Float.NaN, -2, 0, 0.5f, 3}, found.toFloatArray());
                read.requireIntact();
            }
        }
        assertEquals(List.of("x.safetensors"), names());
    }

    @Test
    void whatIsDamagedIsNamed() throws Exception {
        Path file = folder.resolve("x.safetensors");
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            Map<String, NDArray> tensors = new LinkedHashMap<>();
            tensors.put("first", manager.create(new float[] {1, 2}));
            tensors.put("second", manager.create(new float[] {3, 4}));
            TensorWriter.write(file, tensors, Map.of());
        }
        byte[] whole = Files.readAllBytes(file);
        whole[whole.length - 1] ^= 1;
        Files.write(file, whole);
        try (SafeTensors read = new SafeTensors(file)) {
            read.read(read.entries().get("first"));
            read.requireIntact();
            read.read(read.entries().get("second"));
            String told = assertThrows(IOException.class, read::requireIntact).getMessage();
            assertTrue(told.startsWith(file + ": tensor second is damaged: its checksum is "), told);
        }
        Path another = TensorFile.write(folder, TensorFile.header(TensorFile.entry("a", "U8", "[1]", 0, 1)), (byte) 7);
        try (SafeTensors read = new SafeTensors(another)) {
            assertTrue(assertThrows(IOException.class, read::requireIntact).getMessage().contains("no checksum"));
        }
    }

    @Test
    void whatIsNotInTheOrderOfMemoryLeavesNoCopyBehind() throws Exception {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            NDArray turned = manager.create(new float[6], new Shape(2, 3)).transpose();
            int arrays = manager.getManagedArrays().size();
            TensorWriter.write(folder.resolve("x.safetensors"), Map.of("turned", turned), Map.of());
            assertEquals(arrays, manager.getManagedArrays().size());
        }
    }

    @Test
    void whatAKilledProcessLeftIsTakenAway() throws Exception {
        String left = "." + UUID.randomUUID() + ".part";
        String other = "." + UUID.randomUUID() + ".part";
        Files.createFile(folder.resolve(other)); // of a process that writes it
        for (String name : List.of(left, "mine.part", ".part")) {
            Files.setLastModifiedTime(Files.createFile(folder.resolve(name)), FileTime.fromMillis(0));
        }
        TensorWriter.write(folder.resolve("x.safetensors"), Map.of(), Map.of());
        assertEquals(Stream.of(other, "mine.part", ".part", "x.safetensors").sorted().toList(), names());
    }

    @Test
    void aFileIsReplacedWholeAndAFailureLeavesTheOldOne() throws Exception {
        Path file = folder.resolve("x.safetensors");
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            TensorWriter.write(file, Map.of("a", manager.create(1f)), Map.of());
            TensorWriter.write(file, Map.of("a", manager.create(2f)), Map.of());
            byte[] second = Files.readAllBytes(file);
            assertThrows(IllegalArgumentException.class, () -> TensorWriter.write(file, Map.of("a", manager.create(3)), Map.of()));
            NDArray closed = manager.create(4f);
            closed.close();
            assertThrows(IllegalStateException.class, () -> TensorWriter.write(file, Map.of("a", closed), Map.of()));
            assertArrayEquals(second, Files.readAllBytes(file));
            assertEquals(List.of("x.safetensors"), names());
            assertThrows(IOException.class, () -> TensorWriter.write(folder.resolve("no/x.safetensors"), Map.of(), Map.of()));
        }
    }
}
