package org.fatezero.edit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;

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

    /**
     * The edit's cross-attention, where it is changed and nobody else reads its map: as {@link #crossAttentionMap} has it, or the same
     * without a map.
     *
     * @param q of all branches, as is {@code k}
     * @param own the edit's queries, keys and values
     */
    protected NDArray crossAttention(Site site, NDArray q, NDArray k, NDList own) {
        return torch.applyMap(crossAttentionMap(site, q, k, torch.attentionMap(own.get(0), own.get(1))), own.get(2));
    }

    @Override
    public final NDArray attend(Site site, NDArray q, NDArray k, NDArray v, Kernel kernel) {
        boolean changes = changes(site);
        List<TokenAttention> sums = watched.stream().filter(attention -> attention.reads(site)).toList();
        if (!changes && sums.isEmpty()) {
            return kernel.apply(q, k, v);
        }
        try (Scope scope = new Scope(q, k, v)) {
            NDList split = torch.splitLast(q, k, v);
            NDList own = split.subNDList(3);
            NDArray edited;
            if (!site.cross()) {
                edited = selfAttention(site, q, k, v, kernel);
            } else if (sums.isEmpty()) {
                edited = crossAttention(site, q, k, own);
            } else {
                NDArray map = torch.attentionMap(own.get(0), own.get(1));
                sums.forEach(attention -> attention.add(site, map));
                edited = torch.applyMap(changes ? crossAttentionMap(site, q, k, map) : map, own.get(2));
            }
            return scope.keep(q.getShape().get(0) == 1 ? edited : kernel.apply(split.get(0), split.get(1), split.get(2)).concat(edited, 0));
        }
    }
}
