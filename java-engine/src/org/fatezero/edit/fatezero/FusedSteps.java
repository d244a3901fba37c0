package org.fatezero.edit.fatezero;

import org.fatezero.forward.Site;
import org.fatezero.inversion.Kept;
import org.fatezero.inversion.SourceUse;

import java.util.Set;

/**
 * Where and when FateZero fuses the source's attention.
 *
 * @param selfFrom self-attention is fused at steps {@code selfFrom ... selfTo - 1}
 * @param selfTo T, unless fusion spares the noisiest steps
 * @param crossFrom cross-attention is fused at steps {@code crossFrom ... T - 1}
 * @param fuseAt layers of at most this many cells a side are fused
 */
public record FusedSteps(int selfFrom, int selfTo, int crossFrom, int fuseAt) implements SourceUse {

    private static final Set<Kept> SELF = Set.of(Kept.QUERIES, Kept.KEYS);
    private static final Set<Kept> CROSS = Set.of(Kept.MAP);

    @Override
    public Set<Kept> of(Site site, int k) {
        if (!fuses(site, k)) {
            return Set.of();
        }
        return site.cross() ? CROSS : SELF;
    }

    /** Whether the source's attention at {@code site} is fused in step {@code k}. */
    boolean fuses(Site site, int k) {
        return site.isAtMost(fuseAt) && (site.cross() ? k >= crossFrom : inSelfAttention(k));
    }

    @Override
    public boolean in(int k) {
        return k >= crossFrom || inSelfAttention(k);
    }

    @Override
    public boolean inSelfAttention(int k) {
        return k >= selfFrom && k < selfTo;
    }

    @Override
    public int upTo() {
        return fuseAt;
    }
}
