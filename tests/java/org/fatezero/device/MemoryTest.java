package org.fatezero.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
        assertEquals(expected, Memory.free(MEMINFO, limit, freeWithin));
    }

    @Test
    void thisMachineHasSome() {
        long free = Memory.free(Device.cpu());
        assertTrue(free > 1 << 20 && free < 1L << 50, free + " bytes");
    }
}
