package org.fatezero.filter;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import static org.fatezero.filter.Ffmpeg.STUB;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** A test that goes wrong ends, and can be read. */
@Tag("filter")
class FfmpegTest {
    @Test
    void whatWritesWithoutEndIsKilledAndTellsItsLastLines() throws Exception {
        Ffmpeg.Running running = STUB.start("-f lavfi -i testsrc2=s=16x16,showinfo -f null -");
        String told = assertThrows(AssertionError.class, running::finish).getMessage();
        assertFalse(running.process().isAlive());
        assertTrue(told.contains("Parsed_showinfo") && told.length() < 5000, told);
    }
}
