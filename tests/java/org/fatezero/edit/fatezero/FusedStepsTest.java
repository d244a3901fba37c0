package org.fatezero.edit.fatezero;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.fatezero.forward.Site;
import org.fatezero.inversion.Kept;

import org.junit.jupiter.api.Test;

import java.util.Set;
import java.util.stream.IntStream;

class FusedStepsTest {

    private static final FusedSteps FUSED = new FusedSteps(2, 8, 5, 32);

    private static Site site(boolean cross, int side) {
        return new Site("site", Site.Part.UP, cross, 1, side, side, side, 64, 64);
    }

    private static int[] steps(Site site) {
        return IntStream.range(0, 10).filter(k -> !FUSED.of(site, k).isEmpty()).toArray();
    }

    @Test
    void eachKindOfAttentionIsFusedInItsOwnSteps() {
        assertEquals("2 3 4 5 6 7", joined(steps(site(false, 32))));
        assertEquals("5 6 7 8 9", joined(steps(site(true, 32))));
    }

    @Test
    void stepsThatFuseEither() {
        assertEquals("2 3 4 5 6 7 8 9", joined(IntStream.range(0, 10).filter(FUSED::in).toArray()));
        FusedSteps crossLater = new FusedSteps(2, 5, 7, 32);
        assertEquals("2 3 4 7 8 9", joined(IntStream.range(0, 10).filter(crossLater::in).toArray()));
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
    void selfAttentionIsFusedByQueriesAndKeysAndCrossAttentionByItsMap() {
        assertEquals(Set.of(Kept.QUERIES, Kept.KEYS), FUSED.of(site(false, 32), 7));
        assertEquals(Set.of(Kept.MAP), FUSED.of(site(true, 32), 7));
    }

    @Test
    void aStepUsesTheSourceIfAnyLayerDoes() {
        assertEquals("2 3 4 5 6 7 8 9", joined(IntStream.range(0, 10).filter(FUSED::in).toArray()));
        assertEquals("2 3 4 5 6 7", joined(IntStream.range(0, 10).filter(FUSED::inSelfAttention).toArray()));
    }
}
