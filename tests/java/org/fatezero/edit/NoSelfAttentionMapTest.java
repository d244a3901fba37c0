package org.fatezero.edit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.Tiny;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** No array of {@code queries x keys} of a self-attention layer is kept, and none is built on the way. */
class NoSelfAttentionMapTest {

    private static final int FRAMES = 2;
    private static final int HEIGHT = 12;
    private static final int WIDTH = 20;
    private static final List<Integer> POSITIONS = List.of(12 * 20, 6 * 10, 3 * 5, 2 * 3); // of the sites, level by level

    private static Tiny tiny;

    @BeforeAll
    static void open() throws Exception {
        tiny = new Tiny();
    }

    @AfterAll
    static void close() {
        tiny.close();
    }

    private static boolean isMap(Shape shape) {
        int axes = shape.dimension();
        return axes >= 2 && POSITIONS.stream().anyMatch(positions -> isOf(positions, shape.get(axes - 2))
                && isOf(positions, shape.get(axes - 1)));
    }

    private static boolean isOf(int positions, long extent) {
        return extent == positions || extent == (long) FRAMES * positions;
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void noneIsAliveAtAnyAttentionLayer(boolean keep) throws Exception {
        TinyEdit edit = new TinyEdit(tiny, Tiny.context(FRAMES, "self", "mid"), 3);
        Set<Shape> alive = new HashSet<>();
        NDArray z0 = edit.latents(HEIGHT, WIDTH);
        try (NDManager window = z0.getManager()) {
            edit.restyle(z0, keep, true,
                    (step, steps) -> tiny.manager.getManagedArrays().forEach(array -> alive.add(array.getShape())));
        }
        List<Shape> maps = alive.stream().filter(NoSelfAttentionMapTest::isMap).toList();
        assertEquals(List.of(), maps);
        assertTrue(alive.contains(new Shape(FRAMES, 240, 8)), "the walk sees what a layer works on");
        assertEquals(keep, alive.contains(new Shape(1, 2, FRAMES * 240, 77)), "cross-attention maps are kept");
    }

    @Test
    void theWalkWouldSeeOne() {
        NDArray q = tiny.normal(tiny.manager, 1, 60, 2, 4);
        try (NDManager window = tiny.manager.newSubManager(); NDManager step = window.newSubManager()) {
            q.tempAttach(step);
            tiny.torch.attentionMap(q, q);
            assertTrue(tiny.manager.getManagedArrays().stream().anyMatch(array -> isMap(array.getShape())));
        }
        assertFalse(tiny.manager.getManagedArrays().stream().anyMatch(array -> isMap(array.getShape())));
    }

    /** The high-water mark of resident memory, which Linux lets a process reset. */
    @Test
    void thePeakOfMemoryHasNoRoomForOne() throws Exception {
        Path reset = Path.of("/proc/self/clear_refs");
        assumeTrue(Files.isWritable(reset), "needs Linux");
        TinyEdit edit = new TinyEdit(tiny, Tiny.context(FRAMES, "mid"), 1);
        edit.restyle(edit.latents(16, 16), true, false, TinyEdit.SILENT);
        NDArray z0 = edit.latents(64, 64);
        Files.writeString(reset, "5");
        long before = kilobytes("VmHWM");
        edit.restyle(z0, true, false, TinyEdit.SILENT);
        long growth = kilobytes("VmHWM") - before;
        long map = 2L * FRAMES * 64 * 64 * 64 * 64 * Float.BYTES / 1024; // two heads, all frames' queries, one frame's keys
        assertTrue(growth < map / 2, "peak grew by " + growth + " KiB, one map has " + map);
    }

    private static long kilobytes(String key) throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream().filter(line -> line.startsWith(key + ":"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", ""))).sum();
    }
}
