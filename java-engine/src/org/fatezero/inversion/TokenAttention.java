package org.fatezero.inversion;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.fatezero.forward.Site;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;

/** The cross-attention to some tokens, averaged over heads and summed over layers: what blend masks are made of. */
public final class TokenAttention {

    private static final int PUBLISHED_LIMIT = 32 * 32; // positions of the maps that the authors' code stores

    private final NDManager owner;
    private final Torch torch;
    private final TokenSet tokens;
    private final int frames;
    private NDArray sum; // (frames, 1, h, w), in single precision at least

    /** @param owner the manager that the sum belongs to */
    public TokenAttention(NDManager owner, Torch torch, TokenSet tokens, int frames) {
        this.owner = owner;
        this.torch = torch;
        this.tokens = tokens;
        this.frames = frames;
    }

    /** A finished sum, {@code (frames, 1, h, w)}. */
    static TokenAttention of(TokenSet tokens, NDArray sum) {
        TokenAttention attention = new TokenAttention(sum.getManager(), null, tokens, 0);
        attention.sum = sum;
        return attention;
    }

    /**
     * Whether {@code site} is added to the sum: cross-attention of the down and up blocks at a quarter of the latent's
     * resolution, or at a finer one where the short side of a small latent would have fewer than {@link TokenSet#leastCells}
     * there. At 512x512 these are the five layers at 16x16 that the authors' code takes. It takes the third and fourth of the maps that it
     * stored on the way down, and the first three on the way up; of latents of more than 64x64 those of half the resolution are not
     * stored, so the third and fourth do not exist.
     */
    public boolean reads(Site site) {
        int side = Math.min(site.latentHeight(), site.latentWidth());
        int level = 0;
        while (level < 2 && (side + 1) / 2 >= tokens.leastCells()) {
            side = (side + 1) / 2;
            level++;
        }
        boolean isOnTheWay = site.part() == Site.Part.UP || site.part() == Site.Part.DOWN && !lacksWayDown(site);
        return site.cross() && isOnTheWay && site.level() == level;
    }

    private boolean lacksWayDown(Site site) {
        int half = (site.latentHeight() + 1) / 2 * ((site.latentWidth() + 1) / 2);
        return tokens.leastCells() == TokenSet.AS_PUBLISHED && half > PUBLISHED_LIMIT;
    }

    /** @param map {@code (1, heads, frames * positions, tokens)} at a site that {@link #reads} accepts */
    public void add(Site site, NDArray map) {
        try (NDArray before = sum; Scope scope = new Scope(owner, map)) {
            NDArray positions = torch.mapOfTokens(map, tokens.array()).reshape(frames, 1, site.height(), site.width());
            sum = scope.keep(before == null ? positions.duplicate() : before.add(positions));
        }
    }

    /** {@code (frames, 1, h, w)}; null before anything was added. */
    public NDArray sum() {
        return sum;
    }
}
