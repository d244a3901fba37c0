package org.fatezero.bench;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What a small window on a GPU waits for: calls through JNI, and copies between Java's memory and libtorch's. */
class CallsTest {

    private static final int STEPS = 2;

    /** A pass of pocket's UNet and all of its step, of a style edit, which fuses attention everywhere. */
    @Test
    void aStepMakesFewCallsAndCopies() throws Exception {
        Files.createDirectories(Bench.OUT);
        Windows.Result window = Paired.counted(System.getProperty("java.class.path"), List.of("frames=2", "side=128", "size=128",
                "steps=" + STEPS, "device=cpu", "precision=fp32", "store=keep", "keys=mid", "preset=watercolor",
                "source=a red jeep on a road", "guidance=3", "self_replace=0.8"));
        // a third of what it was, 3677 and 4349;
        // 100 of the inversion's halve what is kept, 50 of the edit's save the first layers of a branch
        assertFewer(1045, window.calls().get("invert"), "calls in a step of the inversion");
        assertFewer(1420, window.calls().get("edit"), "calls in a step of the edit");
        assertFewer(6, window.copies().get("invert"), "copies in a step of the inversion");
        assertFewer(7, window.copies().get("edit"), "copies in a step of the edit");
    }

    private static void assertFewer(long limit, long counted, String what) {
        assertTrue(counted > 0 && counted <= limit * STEPS, what + ": " + counted / (double) STEPS + ", at most " + limit);
    }
}
