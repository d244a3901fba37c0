package org.fatezero.edit.infusion;

import ai.djl.ndarray.NDArray;

import org.fatezero.edit.EditHook;
import org.fatezero.edit.SourceStep;
import org.fatezero.forward.ForwardHook;
import org.fatezero.forward.Site;
import org.fatezero.inversion.Kept;
import org.fatezero.inversion.SourceUse;
import org.fatezero.tensor.Torch;

import java.util.List;
import java.util.Set;

/**
 * The edit's queries see the source: self-attention is {@code A(Qe, Ks) Vs}.
 *
 * @param from in steps {@code from ... to - 1}
 * @param upTo in layers of at most this many cells a side
 */
public record KeyValueInjection(Torch torch, int from, int to, int upTo) implements SourceUse {

    private static final Set<Kept> SELF = Set.of(Kept.KEYS, Kept.VALUES);

    @Override
    public Set<Kept> of(Site site, int k) {
        return injects(site, k) ? SELF : Set.of();
    }

    private boolean injects(Site site, int k) {
        return in(k) && !site.cross() && site.isAtMost(upTo);
    }

    @Override
    public boolean in(int k) {
        return k >= from && k < to;
    }

    @Override
    public boolean inSelfAttention(int k) {
        return in(k);
    }

    /** The hook of step {@code k}. */
    ForwardHook hook(int k, SourceStep source) {
        return new EditHook(torch, List.of()) {
            @Override
            protected boolean changes(Site site) {
                return injects(site, k);
            }

            @Override
            protected NDArray selfAttention(Site site, NDArray q, NDArray keys, NDArray values, Kernel kernel) {
                return kernel.apply(SourceStep.branch(q, q.getShape().get(0) - 1), source.keys(site, keys), source.values(site, values));
            }
        };
    }
}
