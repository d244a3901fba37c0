package org.fatezero.edit;

import ai.djl.ndarray.NDArray;

import org.fatezero.forward.ForwardHook;
import org.fatezero.forward.Site;
import org.fatezero.inversion.TokenAttention;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;

import java.util.List;

/**
 * Changes the attention of the edit, the last branch of the batch; the other branches are left as they are. This class itself changes
 * nothing and only adds the edit's cross-attention to the watched sums; subclasses override what they change.
 */
public class EditHook implements ForwardHook {

    protected final Torch torch;
    private final List<TokenAttention> watched;

    public EditHook(Torch torch, List<TokenAttention> watched) {
        this.torch = torch;
        this.watched = watched;
    }

    /** Whether the edit's attention at {@code site} is changed. */
    protected boolean changes(Site site) {
        return false;
    }

    /**
     * The edit's self-attention, where it is changed.
     *
     * @param q of all branches, as are {@code k}, {@code v}
     */
    protected NDArray selfAttention(Site site, NDArray q, NDArray k, NDArray v, Kernel kernel) {
        throw new IllegalStateException("self-attention is not changed");
    }

    /**
     * The map that the edit's values are weighted by, where it is changed.
     *
     * @param q of all branches, as is {@code k}
     * @param map the edit's own, {@code (1, heads, frames * positions, tokens)}
     */
    protected NDArray crossAttentionMap(Site site, NDArray q, NDArray k, NDArray map) {
        throw new IllegalStateException("cross-attention is not changed");
    }

    @Override
    public final NDArray attend(Site site, NDArray q, NDArray k, NDArray v, Kernel kernel) {
        boolean changes = changes(site);
        List<TokenAttention> sums = watched.stream().filter(attention -> attention.reads(site)).toList();
        if (!changes && sums.isEmpty()) {
            return kernel.apply(q, k, v);
        }
        try (Scope scope = new Scope(q, k, v)) {
            long edit = q.getShape().get(0) - 1;
            NDArray others = edit == 0 ? null : kernel.apply(q.get("0:{}", edit), k.get("0:{}", edit), v.get("0:{}", edit));
            NDArray edited;
            if (site.cross()) {
                NDArray map = torch.attentionMap(SourceStep.branch(q, edit), SourceStep.branch(k, edit));
                sums.forEach(attention -> attention.add(site, map));
                edited = torch.applyMap(changes ? crossAttentionMap(site, q, k, map) : map, SourceStep.branch(v, edit));
            } else {
                edited = selfAttention(site, q, k, v, kernel);
            }
            return scope.keep(others == null ? edited : others.concat(edited, 0));
        }
    }
}
