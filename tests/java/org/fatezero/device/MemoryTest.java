package org.fatezero.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

class MemoryTest {

    private static final String MEMINFO = """
            MemTotal:       16000 kB
            MemFree:         1000 kB
            MemAvailable:    9000 kB
            Buffers:          100 kB
            """;

    @ParameterizedTest
    @CsvSource({"16384000, 1024000, 9216000", // no container: what caches hold is free
        "8192000, 1024000, 1024000", // a container's limit is nearer
        "8192000, 8000000, 8000000",
        "12288000, 12000000, 9216000"}) // or further than what the host has left
    void whatIsFreeIsTheLessOfTheHostsAndTheContainers(long limit, long freeWithin, long expected) {
        assertEquals(expected, Memory.free(MEMINFO, "", limit, freeWithin));
    }

    /** A model's weights, once read, stay in the cache of files, which gives way to whatever needs room. */
    @ParameterizedTest
    @ValueSource(strings = {"anon 700\nfile 6000\ninactive_file 4000\nactive_file 1000\n",
        "cache 600\ninactive_file 1\nactive_file 2\ntotal_cache 6000\ntotal_inactive_file 4000\ntotal_active_file 1000\n"})
    void whatAContainersCachesHoldIsFree(String statistics) {
        assertEquals(1024000 + 5000, Memory.free(MEMINFO, statistics, 8192000, 1024000));
        assertEquals(9216000, Memory.free(MEMINFO, statistics, 16384000, 1024000), "no container");
    }

    @Test
    void withoutLinuxItIsWhatJavaSees() {
        assertEquals(1024000, Memory.free("", "", 16384000, 1024000));
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void whatIsFreeIsAPartOfWhatThereIs() throws Exception {
        long kib = Files.lines(Path.of("/proc/meminfo")).filter(line -> line.startsWith("MemTotal"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", ""))).findFirst().orElseThrow();
        long free = Memory.free(Device.cpu());
        assertTrue(free > 1 << 20 && free < kib << 10, free + " bytes of " + kib + " KiB");
    }

    /** In a process of its own: what other tests have left in the heap would hold less up, or more. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void whatIsFreedIsGivenBack() throws Exception {
        Process process = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Dai.djl.offline=true",
                "-cp", System.getProperty("java.class.path"), Heap.class.getName()).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String[] mib = new String(process.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip().split(" ");
        assertEquals(0, process.waitFor());
        assertTrue(Long.parseLong(mib[0]) > 150 && Long.parseLong(mib[1]) < 50, mib[0] + " MiB were held, " + mib[1] + " are left");
    }

    /** Small arrays in use lie between the large ones that are freed, and hold the C library's heap up. */
    static final class Heap {

        /** Prints how many MiB are held, and how many are left. */
        public static void main(String[] arguments) throws IOException {
            try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch"); NDManager small = manager.newSubManager()) {
                manager.zeros(new Shape(30 << 20), DataType.INT8).close(); // from now on arrays of less come from the heap
                long before = residentMib();
                try (NDManager large = manager.newSubManager()) {
                    for (int i = 0; i < 100; i++) {
                        large.ones(new Shape(2 << 20), DataType.INT8);
                        small.ones(new Shape(2 << 10), DataType.INT8);
                    }
                }
                long held = residentMib() - before;
                Memory.giveBack();
                System.out.println(held + " " + (residentMib() - before));
            }
        }

        private static long residentMib() throws IOException {
            return Files.readAllLines(Path.of("/proc/self/status")).stream().filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) >> 10).findFirst().orElseThrow();
        }
    }
}
