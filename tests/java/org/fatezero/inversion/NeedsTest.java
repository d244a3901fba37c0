package org.fatezero.inversion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.fatezero.forward.Site;

import org.junit.jupiter.api.Test;

import java.util.stream.IntStream;

class NeedsTest {

    private static final Needs NEEDS = new Needs(2, 8, 5, 32, true, new int[0], Needs.MASK_CELLS);

    private static Site site(boolean cross, int side) {
        return new Site("site", Site.Half.UP, cross, 1, side, side, side, 64, 64);
    }

    private static int[] steps(Site site) {
        return IntStream.range(0, 10).filter(k -> NEEDS.fuses(site, k)).toArray();
    }

    @Test
    void eachKindOfAttentionIsFusedInItsOwnSteps() {
        assertEquals("2 3 4 5 6 7", joined(steps(site(false, 32))));
        assertEquals("5 6 7 8 9", joined(steps(site(true, 32))));
    }

    @Test
    void stepsThatFuseEither() {
        assertEquals("2 3 4 5 6 7 8 9", joined(IntStream.range(0, 10).filter(NEEDS::fuses).toArray()));
        Needs crossLater = new Needs(2, 5, 7, 32, true, new int[0], Needs.MASK_CELLS);
        assertEquals("2 3 4 7 8 9", joined(IntStream.range(0, 10).filter(crossLater::fuses).toArray()));
    }

    private static String joined(int[] steps) {
        return String.join(" ", IntStream.of(steps).mapToObj(Integer::toString).toList());
    }

    @Test
    void largeSitesAreNotFused() {
        assertEquals(0, steps(site(false, 33)).length);
        assertEquals(0, steps(site(true, 64)).length);
    }

    @Test
    void aMaskNeedsWords() {
        assertFalse(NEEDS.masks());
        assertTrue(new Needs(0, 0, 0, 32, true, new int[] {3}, Needs.MASK_CELLS).masks());
    }
}
