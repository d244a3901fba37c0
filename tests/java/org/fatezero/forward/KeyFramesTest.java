package org.fatezero.forward;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.Golden;
import org.fatezero.Tiny;
import org.fatezero.tensor.Torch;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

class KeyFramesTest {

    private static final int POSITIONS = 3;
    private static final int HEADS = 2;
    private static final int WIDTH = 8;

    private static NDManager manager;
    private static Torch torch;

    @BeforeAll
    static void open() throws Exception {
        manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
        torch = new Torch(manager);
    }

    @AfterAll
    static void close() {
        manager.close();
    }

    /** Selectors, the length of the window, and for each frame the frames that it sees. */
    @ParameterizedTest
    @CsvSource({
        "self, 3, 0 1 2", "first, 3, 0 0 0", "mid, 3, 1 1 1", "mid, 4, 1 1 1 1", "mid, 8, 3 3 3 3 3 3 3 3", "last, 3, 2 2 2",
        "-1, 3, 0 0 1", "1, 3, 1 2 2", "-2, 4, 0 0 0 1", "-1000, 3, 0 0 0", "2147483647, 3, 2 2 2", "-2147483648, 3, 0 0 0",
        "self mid, 3, 0+1 1+1 2+1", "-1 first, 3, 0+0 0+0 1+0", "last first, 3, 2+0 2+0 2+0", "mid mid, 2, 0+0 0+0",
        "first mid last, 3, 0+1+2 0+1+2 0+1+2", "self, 1, 0", "mid, 1, 0", "-1 first, 1, 0+0", "1 last self, 1, 0+0+0"})
    void everyFrameAttendsToItsList(String selectors, int frames, String lists) {
        assertLists(new KeyFrames(List.of(selectors.split(" ")), frames), selectors, frames, lists);
    }

    /** The anchor, one of the window's frames or beside them, sees itself alone. */
    @ParameterizedTest
    @CsvSource({
        "anchor, 3, 1, false, 1 1 1", "anchor, 3, 0, true, 0 0 0",
        "self anchor, 3, 1, false, 0+1 1+1 2+1", "self anchor, 3, 0, true, 0+0 1+0 2+0",
        "-1 anchor, 4, 2, false, 0+2 0+2 2+2 2+2", "-1 anchor, 4, 0, true, 0+0 1+0 1+0 2+0",
        "mid, 4, 0, true, 2 2 2 2", "first, 4, 2, false, 0 0 0 0"})
    void theAnchorIsSharedByTheWindowsOfAShot(String selectors, int frames, int anchor, boolean beside, String lists) {
        assertLists(new KeyFrames(List.of(selectors.split(" ")), frames, anchor, beside), selectors, frames, lists);
    }

    private void assertLists(KeyFrames keys, String selectors, int frames, String lists) {
        int branches = 2;
        NDArray x = Tiny.random(manager, branches * frames, POSITIONS, WIDTH);
        NDArray q = x.mul(2);
        NDArray selected = projected(keys, x, frames);
        NDArray out = keys.attend(torch, split(q, branches), split(selected, branches), split(selected.add(1), branches));
        assertEquals(new Shape(branches, frames * POSITIONS, WIDTH), out.getShape());

        NDList expected = new NDList();
        for (int i = 0; i < branches * frames; i++) {
            int branch = i / frames;
            NDList seen = new NDList();
            for (String frame : lists.split(" ")[i % frames].split("\\+")) {
                int row = branch * frames + Integer.parseInt(frame);
                seen.add(x.get("{}:{}", row, row + 1));
            }
            NDArray k = NDArrays.concat(seen, 1);
            expected.add(torch.attention(split(q.get("{}:{}", i, i + 1), 1), split(k, 1), split(k.add(1), 1)));
        }
        Golden.assertClose(NDArrays.concat(expected, 0).reshape(out.getShape()), out, 1e-6, selectors);
    }

    /** What keys and values are of. */
    private NDArray projected(KeyFrames keys, NDArray x, int frames) {
        int[] of = keys.projected();
        return torch.rows(x, IntStream.range(0, (int) x.getShape().get(0) / frames).flatMap(branch -> Arrays.stream(of)
                .map(frame -> branch * frames + frame)).toArray());
    }

    private static NDArray split(NDArray x, int branches) {
        return x.reshape(branches, -1, HEADS, WIDTH / HEADS);
    }

    @Test
    void onlyFramesThatAreSeenAreProjected() {
        NDArray x = Tiny.random(manager, 2 * 8, POSITIONS, WIDTH);
        NDArray selected = projected(new KeyFrames(List.of("mid", "first"), 8), x, 8);
        assertEquals(new Shape(2 * 2, POSITIONS, WIDTH), selected.getShape());
        assertArrayEquals(x.get("3").toFloatArray(), selected.get("1").toFloatArray());
        assertArrayEquals(x.get("8").toFloatArray(), selected.get("2").toFloatArray());
    }

    @Test
    void aKernelLeavesNothingBehindButItsResult() {
        KeyFrames keys = new KeyFrames(List.of("self", "mid"), 2);
        NDArray q = Tiny.random(manager, 1, 2 * POSITIONS, HEADS, 4);
        int arrays = manager.getManagedArrays().size();
        keys.attend(torch, q, q, q).close();
        assertEquals(arrays, manager.getManagedArrays().size());
    }

    /** A preset of a stranger's may list what it likes. */
    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "+; keys: '' is no frame; use anchor, self", "self+; keys: '' is no frame; use anchor, self",
        "self+ mid +self; keys=self+ mid +self names self twice",
        "0+1+2+3+4+5+6+7+8+9+10+11+12+13+14+15+16; keys names 17 frames: expected at most 16"})
    void aListIsShortAndNamesEachFrameOnce(String selectors, String told) {
        String message = assertThrows(IllegalArgumentException.class, () -> KeyFrames.of(selectors, 3)).getMessage();
        assertTrue(message.startsWith(told), message);
    }

    @Test
    void anythingElseIsToldWithWhatThereIs() {
        for (String wrong : Arrays.asList("middle", "", "1.5", "99999999999", "Self")) {
            String message = assertThrows(IllegalArgumentException.class, () -> new KeyFrames(List.of(wrong), 3)).getMessage();
            assertTrue(message.startsWith("keys: '" + wrong + "'") && message.contains("self, first, mid, last"), message);
        }
    }
}
