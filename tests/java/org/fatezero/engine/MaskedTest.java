package org.fatezero.engine;

import org.fatezero.Golden;
import org.fatezero.TinyOptions;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Masks of the user's: nothing is edited outside of them. */
class MaskedTest {

    private static final int SIDE = 64;
    private static final int WINDOW = 3;

    private final List<String> log = new ArrayList<>();

    private Map<String, String> options(String set) {
        Map<String, String> options =
                new HashMap<>(TinyOptions.of(Golden.TINY.toString(), "keys", "anchor", "anchor", "0", "blend_pixels", "0"));
        for (String option : set.isEmpty() ? new String[0] : set.split(":")) {
            options.put(option.substring(0, option.indexOf('=')), option.substring(option.indexOf('=') + 1));
        }
        return options;
    }

    private static ByteBuffer[] frames(int count) {
        Random random = new Random(1);
        ByteBuffer[] frames = new ByteBuffer[count];
        for (int i = 0; i < count; i++) {
            byte[] pixels = new byte[3 * SIDE * SIDE];
            random.nextBytes(pixels);
            frames[i] = ByteBuffer.allocateDirect(pixels.length).put(pixels);
        }
        return frames;
    }

    private static ByteBuffer[] copies(ByteBuffer... of) {
        return Arrays.stream(of).map(one -> ByteBuffer.allocateDirect(one.capacity()).put(one.duplicate().clear()))
                .toArray(ByteBuffer[]::new);
    }

    /** A mask that is so bright in its left half, and so bright in its right. */
    private static ByteBuffer mask(int left, int right) {
        ByteBuffer mask = ByteBuffer.allocateDirect(SIDE * SIDE);
        for (int i = 0; i < SIDE * SIDE; i++) {
            mask.put(i, (byte) (i % SIDE < SIDE / 2 ? left : right));
        }
        return mask;
    }

    /** Frames as the options make them, in windows. @param masks one a frame, or none */
    private List<byte[]> edited(String set, ByteBuffer[] source, ByteBuffer... masks) throws IOException {
        List<byte[]> edited = new ArrayList<>();
        try (Engine engine = new Engine(options(set), new TinyOptions.Silent() {
            @Override
            public void log(int level, String message) {
                log.add(message);
            }
        })) {
            for (int first = 0; first < source.length; first += WINDOW) {
                int end = Math.min(first + WINDOW, source.length);
                int[] strides = new int[end - first];
                int[] maskStrides = new int[end - first];
                int[] sizes = new int[2 * (end - first)];
                Arrays.fill(strides, 3 * SIDE);
                Arrays.fill(maskStrides, SIDE);
                Arrays.fill(sizes, SIDE);
                ByteBuffer[] frames = copies(Arrays.copyOfRange(source, first, end));
                if (masks.length == 0) {
                    engine.edit(frames, strides, frames, strides, SIDE, SIDE, 8);
                } else {
                    engine.edit(frames, strides, Arrays.copyOfRange(masks, first, end), maskStrides, sizes, frames, strides, SIDE, SIDE, 8);
                }
                for (ByteBuffer frame : frames) {
                    byte[] pixels = new byte[frame.capacity()];
                    frame.get(0, pixels);
                    edited.add(pixels);
                }
            }
        }
        return edited;
    }

    private static ByteBuffer[] each(ByteBuffer mask, int count) {
        ByteBuffer[] masks = new ByteBuffer[count];
        Arrays.fill(masks, mask);
        return masks;
    }

    private static void assertSame(List<byte[]> expected, List<byte[]> actual) {
        assertEquals(expected.size(), actual.size());
        for (int i = 0; i < expected.size(); i++) {
            assertArrayEquals(expected.get(i), actual.get(i), "frame " + i);
        }
    }

    /** In the second window, too, beside which the anchor runs, with the mask that it had. */
    @ParameterizedTest
    @ValueSource(strings = {"", "blend=jeep:threshold=0.1", "blend=jeep:blend_latents=1", "forget=0.8", "forget=0.8:blend=jeep",
        "self_replace=0:cross_replace=0", "method=infusion:inject=0.5:blend=jeep", "blend=jeep|road:threshold=0.3|0.3", "store=recompute"})
    void aMaskOfZerosGivesTheReconstructionAndOneOfOnesTheEdit(String set) throws IOException {
        ByteBuffer[] source = frames(5);
        List<byte[]> reconstruction = edited("start=0", source);
        assertSame(edited(set, source), edited(set + ":mask=1".substring(set.isEmpty() ? 1 : 0), source, each(mask(255, 255), 5)));
        List<byte[]> none = edited(set + ":mask=1".substring(set.isEmpty() ? 1 : 0), source, each(mask(0, 0), 5));
        if (!set.contains("|")) { // of several regions the first is the mask's
            assertSame(reconstruction, none);
        }
        assertFalse(Arrays.equals(edited(set, source).get(4), none.get(4)), "the edit changes something");
    }

    /** The mean between two columns. */
    private static double difference(byte[] a, byte[] b, int from, int to) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            int x = i / 3 % SIDE;
            sum += x < from || x >= to ? 0 : Math.abs(Byte.toUnsignedInt(a[i]) - Byte.toUnsignedInt(b[i]));
        }
        return sum / (3 * SIDE * (to - from));
    }

    /** The source's anchor has been edited within the mask of its own frame, not of those that follow. */
    @Test
    void theAnchorKeepsItsMask() throws IOException {
        ByteBuffer[] source = frames(6);
        ByteBuffer[] masks = each(mask(255, 255), 6);
        List<byte[]> all = edited("mask=1", source, masks);
        masks[0] = mask(0, 0);
        List<byte[]> without = edited("mask=1", source, masks);
        assertFalse(Arrays.equals(all.get(4), without.get(4)), "a frame of the second window attends to the anchor");
    }

    @Test
    void anotherMaskIsAnotherEditOfOneInversion(@TempDir Path folder) throws IOException {
        ByteBuffer[] source = frames(3);
        String set = "inversion=" + folder + ":mask=1";
        List<byte[]> half = edited(set, source, each(mask(0, 255), 3));
        List<byte[]> none = edited(set, source, each(mask(0, 0), 3));
        assertFalse(Arrays.equals(half.get(1), none.get(1)));
        assertSame(half, edited(set, source, each(mask(0, 255), 3)));
        assertFalse(Arrays.equals(half.get(1), edited("inversion=" + folder, source).get(1)));
        try (var files = Files.list(folder)) {
            List<String> names = files.map(file -> file.getFileName().toString()).toList();
            assertEquals(3, names.stream().filter(name -> name.contains(".edit.")).count(), names.toString());
            assertEquals(1, names.stream().filter(name -> !name.contains(".edit.")).count(), names.toString());
        }
    }

    /** The frames are random, so that no autoencoder gives one of their rows. */
    @Test
    void farFromTheMaskTheFramesOwnPixelsReturn() throws IOException {
        ByteBuffer[] source = frames(3);
        byte[] own = new byte[3 * SIDE * SIDE];
        source[1].get(0, own);
        byte[] half = edited("mask=1:blend_pixels=1", source, each(mask(0, 255), 3)).get(1);
        byte[] decoded = edited("mask=1", source, each(mask(0, 255), 3)).get(1);
        int seam = SIDE / 2 - 3 * 8 / 2; // the cell beside the mask, and half of the next
        assertEquals(0, difference(own, half, 0, seam));
        assertTrue(difference(own, decoded, 0, seam) > 1);
        assertEquals(0, difference(decoded, half, SIDE / 2, SIDE));
        assertTrue(difference(own, half, SIDE / 2, SIDE) > 1);
    }

    @Test
    void theMaskIsShown() throws IOException {
        ByteBuffer[] source = frames(3);
        byte[] half = edited("mask=1:show=mask", source, each(mask(0, 255), 3)).get(0);
        byte[] words = edited("blend=jeep:threshold=0.1:show=mask", source).get(0);
        byte[] both = edited("blend=jeep:threshold=0.1:mask=1:show=mask", source, each(mask(0, 255), 3)).get(0);
        assertEquals(0, difference(words, both, 7 * SIDE / 8, SIDE), "within the user's it is that of the words");
        assertEquals(0, difference(half, both, 0, SIDE / 8), "outside there is none");
    }

    @Test
    void masksAndTheOptionGoTogether() {
        ByteBuffer[] source = frames(3);
        String missing = assertThrows(IllegalArgumentException.class, () -> edited("mask=1", source)).getMessage();
        assertEquals("mask=1 and 0 masks: expected one for each of 3 frames", missing);
        String idle = assertThrows(IllegalArgumentException.class, () -> edited("", source, each(mask(0, 0), 3))).getMessage();
        assertEquals("mask=0 and 3 masks: expected none without mask=1", idle);
        assertEquals(List.of(), log.stream().filter(line -> line.contains("Exception")).toList());
    }
}
