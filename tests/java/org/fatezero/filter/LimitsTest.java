package org.fatezero.filter;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.fatezero.filter.Ffmpeg.REAL;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Where the system gives a process little, an error says what there is too little of, or the edit is made. */
@Tag("filter")
class LimitsTest {
    private static final String INPUT = "-v verbose -f lavfi -i testsrc2=s=64x48:r=25 -frames:v 2 -vf";
    private static final String SMALLEST = "fatezero=size=32:steps=2:window=2:model=" + Path.of("tests/golden/tiny").toAbsolutePath();

    @ParameterizedTest
    @CsvSource({"-v 2048000, need 2048 MiB of address space", "-d 512000, need 640 MiB of memory that can be written to",
        "-d 614400, need 640 MiB of memory that can be written to", "-n 12, need 32 open files", "-n 20, need 32 open files"})
    void whatIsTooLittleIsTold(String limit, String told) {
        Ffmpeg.Result result = REAL.runWithin(limit, INPUT, SMALLEST, "-f", "null", "-");
        assertNotEquals(0, result.status());
        assertTrue(result.log().contains(told), result.log());
        assertTrue(result.log().contains("Cannot allocate memory"), result.log());
    }

    /** What an edit takes: it once took more than 6 GB of addresses, of which the virtual machine's reserves were the most. */
    @ParameterizedTest
    @CsvSource({"-v 3145728", "-d 1048576", "-n 48", "-s 512"})
    void anEditNeedsNoMore(String limit) {
        REAL.runWithin(limit, INPUT, SMALLEST, "-f", "null", "-").succeeded();
    }

    /** A file may have 8 KiB here, as if the disk were full then. */
    @Test
    void anInversionThatFindsNoRoomIsNotKept(@TempDir Path folder) throws IOException {
        String log = REAL.runWithin("-f 16", INPUT, SMALLEST + ":size=64:inversion=" + folder, "-f", "null", "-").succeeded().log();
        assertTrue(log.contains("this window's cannot be kept") && log.contains(".safetensors: File too large"), log);
        try (Stream<Path> left = Files.list(folder)) {
            assertEquals(List.of(), left.filter(file -> !file.toString().endsWith(".edit.safetensors")).toList(),
                "an edit is small enough");
        }
    }
}
