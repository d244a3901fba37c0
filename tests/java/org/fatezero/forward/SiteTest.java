package org.fatezero.forward;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class SiteTest {

    private static Site site(int height, int width) {
        return new Site("site", Site.Half.DOWN, false, height, width, 2 * height, 2 * width);
    }

    @Test
    void sizeIsMeasuredInCellsWhateverTheShape() {
        assertTrue(site(32, 32).isAtMost(32));
        assertTrue(site(16, 64).isAtMost(32));
        assertFalse(site(17, 64).isAtMost(32));
        assertFalse(site(1, 1).isAtMost(0));
        assertTrue(site(65536, 65536).isAtMost(65536));
        assertEquals(32 * 64, site(32, 64).positions());
    }

    @Test
    void smallSitesSeeTheKeyFramesAndLargeOnesOnlyThemselves() {
        KeyFrames keys = new KeyFrames(java.util.List.of("mid"), 4);
        Pass pass = new Pass(4, keys, 32, false, AttentionHook.PLAIN);
        assertTrue(pass.keysOf(site(32, 32)) == keys);
        assertFalse(pass.keysOf(site(64, 64)) == keys);
        assertEquals(1, pass.normFrames());
        assertEquals(4, new Pass(4, keys, 32, true, AttentionHook.PLAIN).normFrames());
    }
}
