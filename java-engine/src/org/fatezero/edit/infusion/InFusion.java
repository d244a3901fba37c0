package org.fatezero.edit.infusion;

import org.fatezero.edit.EditMethod;
import org.fatezero.edit.SourceStep;
import org.fatezero.edit.fatezero.FateZero;
import org.fatezero.forward.ForwardHook;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.inversion.TokenAttention;
import org.fatezero.inversion.Trajectory;

import java.util.List;

/**
 * Three stages from the noisiest step on: the source's features are injected, then its keys and values, and for the rest of the
 * steps attention is fused as FateZero does, under masks of the source's words and the edit's.
 *
 * @param fusion its steps of self-attention and those of {@code keyValues} are not the same; cross-attention is fused in any
 */
public record InFusion(FateZero fusion, FeatureInjection features, KeyValueInjection keyValues) implements EditMethod {

    @Override
    public CaptureSpec source() {
        CaptureSpec fused = fusion.source();
        return new CaptureSpec(fused.use().and(features).and(keyValues), fused.keep(), fused.tokens());
    }

    @Override
    public Run begin(Trajectory source, int frames, List<TokenAttention> watched) {
        return new RunOver(fusion.begin(source, frames, watched)) {
            @Override
            public ForwardHook hook(int k, SourceStep step) {
                return run.hook(k, step).andThen(keyValues.hook(k, step)).andThen(features.hook(k, step, frames));
            }
        };
    }
}
