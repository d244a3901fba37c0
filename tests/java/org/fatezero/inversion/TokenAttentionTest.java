package org.fatezero.inversion;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.forward.Site;
import org.fatezero.tensor.Torch;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenAttentionTest {

    /** Latents of 512, 256, 128 and 64 pixels, wide, tall and odd ones, and the one size of map that the mask is made of. */
    @ParameterizedTest
    @CsvSource({"64, 64, 16, 16x16", "32, 32, 16, 16x16", "16, 16, 16, 16x16", "8, 8, 16, 8x8", "36, 64, 16, 18x32",
        "96, 64, 16, 24x16", "128, 128, 16, 32x32", "32, 57, 16, 16x29", "18, 13, 5, 9x7", "18, 13, 1, 5x4", "32, 76, 16, 16x38",
        "18, 13, 16, 18x13", "62, 62, 16, 16x16"})
    void readsTheCrossAttentionOfOneResolution(int height, int width, int leastCells, String read) {
        TokenAttention mask = new TokenAttention(null, null, TokenSet.of(new int[] {1}, leastCells), 1);
        StringBuilder found = new StringBuilder();
        int h = height;
        int w = width;
        for (int level = 0; level < 4; level++) {
            if (mask.reads(new Site("site", Site.Part.DOWN, true, level, h, h, w, height, width))) {
                found.append(h).append('x').append(w);
            }
            h = (h + 1) / 2;
            w = (w + 1) / 2;
        }
        assertEquals(read, found.toString());
    }

    @Test
    void neitherTheMiddleNorSelfAttentionIsRead() {
        TokenAttention mask = new TokenAttention(null, null, TokenSet.of(new int[] {1}, 16), 1);
        assertFalse(mask.reads(new Site("mid", Site.Part.MID, true, 2, 16, 16, 16, 64, 64)));
        assertFalse(mask.reads(new Site("self", Site.Part.UP, false, 2, 16, 16, 16, 64, 64)));
    }

    @Test
    void sumsTokensAndSitesAndAveragesHeads() throws Exception {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            TokenAttention mask = new TokenAttention(manager, new Torch(manager), TokenSet.of(new int[] {0, 2}, 16), 2);
            assertNull(mask.sum());
            Site site = new Site("site", Site.Part.UP, true, 0, 2, 1, 2, 1, 2);
            // (1, 2 heads, 2 frames * 2 positions, 3 tokens)
            float[] map = {1, 9, 0, 2, 9, 0, 3, 9, 0, 4, 9, 0, 0, 9, 1, 0, 9, 2, 0, 9, 3, 0, 9, 4};
            mask.add(site, manager.create(map, new Shape(1, 2, 4, 3)));
            assertEquals(new Shape(2, 1, 1, 2), mask.sum().getShape());
            assertArrayEquals(new float[] {1, 2, 3, 4}, mask.sum().toFloatArray());
            int arrays = manager.getManagedArrays().size();
            mask.add(site, manager.create(map, new Shape(1, 2, 4, 3)));
            assertArrayEquals(new float[] {2, 4, 6, 8}, mask.sum().toFloatArray());
            assertEquals(arrays + 1, manager.getManagedArrays().size(), "one sum, whatever the number of sites");
        }
    }
}
