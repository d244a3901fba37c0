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
 * @param outputs whether self-attention takes the source's values with its maps, rather than its maps for the edit's values
 */
public record FusedSteps(int selfFrom, int selfTo, int crossFrom, int fuseAt, boolean outputs) implements SourceUse {

    private static final Set<Kept> MAPS = Set.of(Kept.QUERIES, Kept.KEYS);
    private static final Set<Kept> OUTPUTS = Set.of(Kept.QUERIES, Kept.KEYS, Kept.VALUES);
    private static final Set<Kept> CROSS = Set.of(Kept.MAP);

    public FusedSteps(int selfFrom, int selfTo, int crossFrom, int fuseAt) {
        this(selfFrom, selfTo, crossFrom, fuseAt, false);
    }

    @Override
    public Set<Kept> of(Site site, int k) {
        if (!fuses(site, k)) {
            return Set.of();
        }
        if (site.cross()) {
            return CROSS;
        }
        return outputs ? OUTPUTS : MAPS;
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
