package org.fatezero.forward;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.List;

class SiteTest {

    private static Site site(int side) {
        return new Site("site", Site.Part.DOWN, false, 1, side, 32, 64, 64, 128);
    }

    @ParameterizedTest
    @CsvSource({"32, 32, 32", "16, 64, 32", "17, 64, 33", "1, 1, 1", "1, 2, 2", "65536, 65536, 65536", "57, 32, 43"})
    void byAreaASideIsThatOfASquareOfNoFewerCells(int height, int width, int side) {
        assertEquals(side, new Level(1, 5).side(height, width, true));
        assertTrue((long) side * side >= (long) height * width && (side - 1L) * (side - 1L) < (long) height * width);
    }

    @Test
    void aLevelHasASideOfItsOwnWhateverItsMapsAre() {
        assertEquals(32, new Level(1, 32).side(57, 32, false));
        assertEquals(32, new Level(1, 32).side(1, 1, false));
    }

    @Test
    void smallSitesSeeTheKeyFramesAndLargeOnesOnlyThemselves() {
        KeyFrames keys = new KeyFrames(List.of("mid"), 4);
        ForwardContext context = ForwardContext.of(new Window(4, keys, 32, false, false));
        assertTrue(context.window().keysOf(site(32)) == keys);
        assertFalse(context.window().keysOf(site(33)) == keys);
        assertEquals(1, context.window().normFrames());
        assertEquals(4, new Window(4, keys, 32, false, true).normFrames());
        assertFalse(site(1).isAtMost(0));
        assertEquals(32 * 64, site(1).positions());
    }
}
