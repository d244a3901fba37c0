package org.fatezero.edit.fatezero;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;

import org.fatezero.edit.EditHook;
import org.fatezero.edit.EditMethod;
import org.fatezero.edit.SourceStep;
import org.fatezero.edit.region.Confinement;
import org.fatezero.edit.region.Regions;
import org.fatezero.forward.ForwardHook;
import org.fatezero.forward.Site;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.inversion.TokenAttention;
import org.fatezero.inversion.TokenSet;
import org.fatezero.inversion.Trajectory;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The source's attention fused into the edit's (FateZero, section 3.2, eq. 5-7, algorithms 1 and 2).
 *
 * @param steps T
 * @param fused at which layers and in which steps attention is fused
 * @param cross how cross-attention maps are fused
 * @param regions what the edit is confined to
 * @param self how self-attention stays the edit's own in the regions; null to fuse it everywhere
 * @param latents when latents outside of the regions are set back to the source's; null for never
 * @param confinement keeps words to their regions; null where they may look anywhere
 */
public record FateZero(Torch torch, int steps, FusedSteps fused, CrossAttentionControl cross, Regions regions, SelfBlend self,
        LatentBlend latents, Confinement confinement) implements EditMethod {

    @Override
    public CaptureSpec source() {
        return new CaptureSpec(fused, true, regions.ofSource());
    }

    @Override
    public Run begin(Trajectory source, int frames, List<TokenAttention> watched) {
        return new OfWindow(source, frames, watched);
    }

    private final class OfWindow implements Run {

        private final Trajectory source;
        private final Map<TokenSet, TokenAttention> edited = new LinkedHashMap<>(); // over the steps so far
        private final List<TokenAttention> watched;

        OfWindow(Trajectory source, int frames, List<TokenAttention> watched) {
            this.source = source;
            if (latents != null || self != null && self.joins()) {
                regions.ofEdit().forEach(words -> edited.put(words, new TokenAttention(source.zT().getManager(), torch, words, frames)));
            }
            this.watched = new ArrayList<>(edited.values());
            this.watched.addAll(watched);
        }

        /** The regions' masks in step {@code k}, of the source's attention alone or {@code joined} by the edit's. */
        List<NDArray> masks(int k, boolean joined, NDManager to, int h, int w) {
            return regions.within(source.reach(), regions.masks(to, source.attention().get(k)::tokens,
                    words -> joined ? seen(edited.get(words)) : null, h, w));
        }

        /** Null in the first step, before any attention of the edit's was seen. */
        private static TokenAttention seen(TokenAttention attention) {
            return attention.sum() == null ? null : attention;
        }

        @Override
        public ForwardHook hook(int k, SourceStep step) {
            return new FusionHook(this, k, step);
        }

        @Override
        public NDArray afterStep(int k, NDArray z) {
            if (latents == null || !latents.after(steps - 1 - k, steps)) {
                return z;
            }
            int h = (int) z.getShape().get(2);
            int w = (int) z.getShape().get(3);
            NDArray zSource = source.latents().get(latents.asPublished() ? k + 1 : k);
            try (z; Scope scope = new Scope(z, zSource)) {
                return scope.keep(regions.isEmpty() ? zSource.duplicate()
                        : torch.lerp(zSource, z, regions.union(masks(k, true, scope.manager(), h, w), region -> true)));
            }
        }
    }

    /**
     * One step. Self-attention is blended by rows of its output, {@code M A(Qe, Ke) Ve + (1 - M) A(Qs, Ks) Ve}, which equals
     * blending the maps because M is one number a query; {@link FusedSteps#outputs} has Vs in the second term.
     */
    private final class FusionHook extends EditHook {

        private final OfWindow run;
        private final int k;
        private final SourceStep source;

        FusionHook(OfWindow run, int k, SourceStep source) {
            super(FateZero.this.torch, run.watched);
            this.run = run;
            this.k = k;
            this.source = source;
        }

        @Override
        protected boolean changes(Site site) {
            return fused.fuses(site, k) || site.cross() && confinement != null;
        }

        @Override
        protected NDArray crossAttentionMap(Site site, NDArray q, NDArray keys, NDArray map) {
            NDArray ofSource = fused.fuses(site, k) ? source.map(site, q, keys) : null;
            try (Scope scope = new Scope(map, ofSource)) {
                NDArray c = ofSource == null ? map : cross.fuse(ofSource, map, steps - 1 - k);
                return scope.keep(confinement == null ? c
                        : confinement.confined(c, regions, run.masks(k, false, scope.manager(), site.height(), site.width())));
            }
        }

        @Override
        protected NDArray crossAttention(Site site, NDArray q, NDArray keys, NDList own) {
            if (confinement != null) {
                return super.crossAttention(site, q, keys, own); // what is confined is a map
            }
            CrossAttentionControl.Columns columns = cross.columns(own.get(0), steps - 1 - k);
            return source.kept() != null
                    ? torch.fusedCrossAttention(own.get(0), own.get(1), own.get(2), source.map(site, q, keys),
                            columns.matrix(), columns.own())
                    : torch.fusedCrossAttention(own.get(0), own.get(1), own.get(2), source.queries(site, q), source.keys(site, keys),
                            columns.matrix(), columns.own());
        }

        @Override
        protected NDArray selfAttention(Site site, NDArray q, NDArray keys, NDArray values, Kernel kernel) {
            long edit = q.getShape().get(0) - 1;
            NDArray own = SourceStep.branch(values, edit);
            NDArray sourceQueries = source.queries(site, q);
            NDArray sourceKeys = source.keys(site, keys);
            NDArray shown = fused.outputs() ? source.values(site, values) : own;
            try (Scope scope = new Scope(own, q, keys, sourceQueries, sourceKeys, shown)) {
                NDArray replaced = kernel.apply(sourceQueries, sourceKeys, shown);
                if (self == null) {
                    return scope.keep(replaced);
                }
                List<NDArray> masks = run.masks(k, self.joins(), scope.manager(), site.height(), site.width());
                NDArray m = regions.free(masks, k, self.outside()); // (frames, 1, h, w)
                NDArray unfused = kernel.apply(SourceStep.branch(q, edit), SourceStep.branch(keys, edit), own);
                NDArray free = torch.copyTo(m, unfused).reshape(1, -1, 1);
                return scope.keep(torch.lerp(replaced, unfused, free)); // (1, frames * positions, heads * d)
            }
        }
    }
}
