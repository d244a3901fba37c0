package org.fatezero.edit.fatezero;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.fatezero.edit.EditHook;
import org.fatezero.edit.EditMethod;
import org.fatezero.edit.SourceStep;
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
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The source's attention fused into the edit's (FateZero, section 3.2, eq. 5-7, algorithms 1 and 2).
 *
 * @param steps T
 * @param fused at which layers and in which steps attention is fused
 * @param tokens the source prompt's tokens that masks are made of; null for none
 * @param cross how cross-attention maps are fused
 * @param self where self-attention stays the edit's own; null to fuse it everywhere
 * @param latents when and where latents are set back to the source's; null for never
 */
public record FateZero(Torch torch, int steps, FusedSteps fused, TokenSet tokens, CrossAttentionControl cross, SelfBlend self,
        LatentBlend latents) implements EditMethod {

    @Override
    public CaptureSpec source() {
        return new CaptureSpec(fused, true, tokens == null ? List.of() : List.of(tokens));
    }

    @Override
    public Run begin(Trajectory source, int frames, List<TokenAttention> watched) {
        return new OfWindow(source, frames, watched);
    }

    private final class OfWindow implements Run {

        private final Trajectory source;
        private final Map<TokenSet, TokenAttention> edited = new LinkedHashMap<>(); // to words of the edit's prompt, over the steps so far
        private final List<TokenAttention> watched;

        OfWindow(Trajectory source, int frames, List<TokenAttention> watched) {
            this.source = source;
            Stream.of(self == null ? null : self.editTokens(), latents == null ? null : latents.editTokens()).filter(Objects::nonNull)
                    .forEach(words -> edited.computeIfAbsent(words, set -> new TokenAttention(source.zT().getManager(), torch, set, frames)));
            this.watched = new ArrayList<>(edited.values());
            this.watched.addAll(watched);
        }

        /** The source's attention to the mask's words in step {@code k}; null without words. */
        private TokenAttention ofSource(int k) {
            return tokens == null ? null : source.attention().get(k).tokens(tokens);
        }

        /** The mask of the source's words, of the edit's, or of the union of the two; empty if there is neither. */
        private Optional<NDArray> mask(BlendMask mask, TokenAttention ofSource, TokenAttention ofEdit, NDManager to, int h, int w) {
            return Stream.of(ofSource, ofEdit).filter(Objects::nonNull).map(attention -> mask.at(to, attention, h, w)).reduce(mask::union);
        }

        /** Where self-attention stays the edit's own in step {@code k}, {@code (frames, 1, h, w)}. */
        NDArray selfMask(int k, NDManager to, int h, int w) {
            TokenAttention ofEdit = edited.get(self.editTokens());
            boolean seen = ofEdit != null && ofEdit.sum() != null; // the first step has nothing yet
            return mask(self.mask(), ofSource(k), seen ? ofEdit : null, to, h, w).orElseThrow();
        }

        @Override
        public ForwardHook hook(int k, SourceStep step) {
            return new FusionHook(this, k, step);
        }

        /** The source's latents outside of the mask; everywhere if there is none. */
        @Override
        public NDArray afterStep(int k, NDArray z) {
            if (latents == null || !latents.after(steps - 1 - k, steps)) {
                return z;
            }
            int h = (int) z.getShape().get(2);
            int w = (int) z.getShape().get(3);
            NDArray zSource = source.latents().get(latents.asPublished() ? k + 1 : k);
            try (z; Scope scope = new Scope(z, zSource)) {
                return scope.keep(mask(latents.mask(), ofSource(k), edited.get(latents.editTokens()), scope.manager(), h, w)
                        .map(mask -> torch.lerp(zSource, z, mask)).orElseGet(zSource::duplicate));
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
            return fused.fuses(site, k);
        }

        @Override
        protected NDArray crossAttentionMap(Site site, NDArray q, NDArray keys, NDArray map) {
            NDArray ofSource = source.map(site, q, keys);
            try (Scope scope = new Scope(map, ofSource)) {
                return scope.keep(cross.fuse(ofSource, map, steps - 1 - k));
            }
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
                NDArray m = run.selfMask(k, scope.manager(), site.height(), site.width()); // (frames, 1, h, w)
                NDArray unfused = kernel.apply(SourceStep.branch(q, edit), SourceStep.branch(keys, edit), own);
                return scope.keep(torch.lerp(replaced, unfused, torch.copyTo(m, unfused).reshape(1, -1, 1))); // (1, frames * positions, heads * d)
            }
        }
    }
}
