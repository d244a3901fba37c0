package org.fatezero.edit.infusion;

import ai.djl.ndarray.NDArray;

import org.fatezero.edit.SourceStep;
import org.fatezero.forward.ForwardHook;
import org.fatezero.forward.Site;
import org.fatezero.inversion.Kept;
import org.fatezero.inversion.SourceUse;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;

import java.util.Set;

/**
 * The features of residual blocks are drawn to the source's, {@code h_e + weight (h_s - h_e)}, which carries its layout over.
 *
 * @param blocks their names in the checkpoint
 * @param weight 1 for the source's features
 * @param from in steps {@code from ... to - 1}
 * @param upTo the most cells a side that one of the blocks has
 */
public record FeatureInjection(Torch torch, Set<String> blocks, double weight, int from, int to, int upTo) implements SourceUse {

    @Override
    public Set<Kept> of(Site site, int k) {
        return Set.of();
    }

    @Override
    public boolean ofFeatures(String block, int k) {
        return in(k) && blocks.contains(block);
    }

    @Override
    public boolean in(int k) {
        return k >= from && k < to;
    }

    @Override
    public boolean inSelfAttention(int k) {
        return false;
    }

    /**
     * The hook of step {@code k}.
     *
     * @param frames of a branch
     */
    ForwardHook hook(int k, SourceStep source, int frames) {
        return new ForwardHook() {
            @Override
            public NDArray attend(Site site, NDArray q, NDArray keys, NDArray values, Kernel kernel) {
                return kernel.apply(q, keys, values);
            }

            @Override
            public boolean watches(String block) {
                return ofFeatures(block, k);
            }

            @Override
            public NDArray feature(String block, NDArray h) {
                return ofFeatures(block, k) ? injected(h, source.features(block, h, frames), frames) : h;
            }
        };
    }

    /** {@code h (branches * frames, channels, height, width)}, of which the edit's frames are the last. */
    private NDArray injected(NDArray h, NDArray ofSource, int frames) {
        try (Scope scope = new Scope(h, ofSource)) {
            long edit = h.getShape().get(0) - frames;
            NDArray share = torch.copyTo(scope.manager().create((float) weight), h);
            NDArray edited = torch.lerp(h.get("{}:", edit), ofSource, share);
            return scope.keep(edit == 0 ? edited : h.get("0:{}", edit).concat(edited, 0));
        }
    }
}
