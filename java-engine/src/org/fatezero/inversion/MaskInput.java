package org.fatezero.inversion;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.fatezero.forward.Site;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;

/**
 * Cross-attention maps of a few words, reduced to one number a position: summed over the words' tokens, averaged over
 * heads, summed over the sites of one resolution. A few kilobytes a step.
 */
public final class MaskInput {

    private final NDManager owner;
    private final Torch torch;
    private final int[] tokens;
    private final int leastCells;
    private final int frames;
    private NDArray sum; // (frames, 1, h, w), in single precision at least

    /**
     * @param owner the manager that the sum belongs to
     * @param tokens the words' tokens
     * @param leastCells cells that the short side of the maps has at least, 16 for the authors' choice at 512x512
     */
    public MaskInput(NDManager owner, Torch torch, int[] tokens, int leastCells, int frames) {
        this.owner = owner;
        this.torch = torch;
        this.tokens = tokens;
        this.leastCells = leastCells;
        this.frames = frames;
    }

    /** One that has been summed up, {@code (frames, 1, h, w)}. */
    static MaskInput of(NDArray sum) {
        MaskInput input = new MaskInput(sum.getManager(), null, null, 0, 0);
        input.sum = sum;
        return input;
    }

    /**
     * Whether the mask is made from {@code site}: cross-attention of the way down and up, at a quarter of the latent's
     * resolution or, of a small latent, at the coarsest of its halvings whose short side still has enough cells, so that
     * clips of every shape have it from the same layers. At 512x512 these are the five sites at 16x16 that the authors'
     * code takes.
     */
    public boolean reads(Site site) {
        int side = Math.min(site.latentHeight(), site.latentWidth());
        int level = 0;
        while (level < 2 && (side + 1) / 2 >= leastCells) {
            side = (side + 1) / 2;
            level++;
        }
        return site.cross() && site.half() != Site.Half.MID && site.level() == level;
    }

    /** @param map {@code (1, heads, frames * positions, tokens)} at a site that {@link #reads} accepts */
    public void add(Site site, NDArray map) {
        try (NDArray before = sum; Scope scope = new Scope(owner, map)) {
            NDArray positions = torch.mapOfTokens(map, tokens).reshape(frames, 1, site.height(), site.width());
            sum = scope.keep(before == null ? positions.duplicate() : before.add(positions));
        }
    }

    /** {@code (frames, 1, h, w)}. */
    public NDArray sum() {
        return sum;
    }
}
