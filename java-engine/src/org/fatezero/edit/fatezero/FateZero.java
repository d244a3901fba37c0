package org.fatezero.edit.fatezero;

import ai.djl.ndarray.NDArray;

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
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * The source's attention fused into the edit's (FateZero, section 3.2, eq. 5-7, algorithms 1 and 2).
 *
 * @param steps T
 * @param fused at which layers and in which steps attention is fused
 * @param tokens the source prompt's tokens that masks are made of; null for none
 * @param cross how cross-attention maps are fused
 * @param selfMask where self-attention stays the edit's own; null to fuse it everywhere
 * @param latents when and where latents are set back to the source's; null for never
 */
public record FateZero(Torch torch, int steps, FusedSteps fused, TokenSet tokens, CrossAttentionControl cross, BlendMask selfMask,
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
        private final TokenAttention edited; // to the blend words of the edit's prompt; null if they are not wanted
        private final List<TokenAttention> watched;

        OfWindow(Trajectory source, int frames, List<TokenAttention> watched) {
            this.source = source;
            this.watched = new ArrayList<>(watched);
            TokenSet words = latents == null ? null : latents.editTokens();
            edited = words == null ? null : new TokenAttention(source.zT().getManager(), torch, words, frames);
            if (edited != null) {
                this.watched.add(0, edited);
            }
        }

        /** The source's attention to the mask's words in step {@code k}; null without words. */
        private TokenAttention mask(int k) {
            return tokens == null ? null : source.attention().get(k).tokens(tokens);
        }

        @Override
        public ForwardHook hook(int k, SourceStep step) {
            return new FusionHook(k, step, mask(k), watched);
        }

        /** The source's latents outside of its own mask, of the edit's, or of the union of the two; everywhere if there is neither. */
        @Override
        public NDArray afterStep(int k, NDArray z) {
            if (latents == null || !latents.after(steps - 1 - k, steps)) {
                return z;
            }
            int h = (int) z.getShape().get(2);
            int w = (int) z.getShape().get(3);
            NDArray zSource = source.latents().get(latents.asPublished() ? k + 1 : k);
            try (z; Scope scope = new Scope(z, zSource)) {
                return scope.keep(Stream.of(mask(k), edited).filter(Objects::nonNull)
                        .map(attention -> latents.mask().at(scope.manager(), attention, h, w)) // (frames, 1, h, w)
                        .reduce(latents.mask()::union).map(mask -> torch.lerp(zSource, z, mask)).orElseGet(zSource::duplicate));
            }
        }
    }

    /**
     * One step. Self-attention is blended by rows of its output, {@code M A(Qe, Ke) Ve + (1 - M) A(Qs, Ks) Ve}, which equals
     * blending the maps because M is one number a query.
     */
    private final class FusionHook extends EditHook {

        private final int k;
        private final SourceStep source;
        private final TokenAttention sourceMask; // null for none

        FusionHook(int k, SourceStep source, TokenAttention sourceMask, List<TokenAttention> watched) {
            super(FateZero.this.torch, watched);
            this.k = k;
            this.source = source;
            this.sourceMask = sourceMask;
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
            try (Scope scope = new Scope(own, q, keys, sourceQueries, sourceKeys)) {
                NDArray replaced = kernel.apply(sourceQueries, sourceKeys, own);
                if (selfMask == null) {
                    return scope.keep(replaced);
                }
                NDArray m = selfMask.at(scope.manager(), sourceMask, site.height(), site.width()); // (frames, 1, h, w)
                NDArray unfused = kernel.apply(SourceStep.branch(q, edit), SourceStep.branch(keys, edit), own);
                return scope.keep(torch.lerp(replaced, unfused, torch.copyTo(m, unfused).reshape(1, -1, 1))); // (1, frames * positions, heads * d)
            }
        }
    }
}
