package org.fatezero.edit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.index.NDIndex;

import org.fatezero.forward.Site;
import org.fatezero.inversion.AttentionStore;
import org.fatezero.inversion.Kept;
import org.fatezero.tensor.Torch;

/**
 * The source in one step of the edit: what was kept of it or, where it runs again beside the edit, the first branch of the batch.
 *
 * @param kept null where the source is the first branch
 */
public record SourceStep(Torch torch, AttentionStore kept) {

    /**
     * The source's queries, as its keys and its map perhaps in half precision, {@code (1, frames * positions, heads, d)}; {@code q} are
     * those of all branches.
     */
    public NDArray queries(Site site, NDArray q) {
        return kept != null ? kept.get(site.name(), Kept.QUERIES) : branch(q, 0);
    }

    /** The source's keys, {@code (1, keyFrames * positions, heads, d)}; {@code k} are those of all branches. */
    public NDArray keys(Site site, NDArray k) {
        return kept != null ? kept.get(site.name(), Kept.KEYS) : branch(k, 0);
    }

    /** The source's values, shaped like its keys; {@code v} are those of all branches. */
    public NDArray values(Site site, NDArray v) {
        return kept != null ? kept.get(site.name(), Kept.VALUES, v) : branch(v, 0);
    }

    /** The source's features of a residual block, {@code (frames, channels, height, width)}; {@code h} are those of all branches. */
    public NDArray features(String block, NDArray h, int frames) {
        return kept != null ? kept.get(block, Kept.FEATURES, h) : h.get("0:{}", frames);
    }

    /** The source's map {@code (1, heads, frames * positions, tokens)} of cross-attention. */
    public NDArray map(Site site, NDArray q, NDArray k) {
        return kept != null ? kept.get(site.name(), Kept.MAP) : torch.attentionMap(branch(q, 0), branch(k, 0));
    }

    /** One branch of a batch: a view. */
    public static NDArray branch(NDArray x, long i) {
        return x.get(new NDIndex().addSliceDim(i, i + 1));
    }
}
