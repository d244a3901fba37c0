package org.fatezero.inversion;

import org.fatezero.forward.Site;

import java.util.List;
import java.util.stream.IntStream;

/**
 * What editing will want of the source's attention, so that inversion keeps that and no more. Steps are counted as in
 * {@link org.fatezero.diffusion.Schedule}: step {@code T - 1} is the noisiest and the first that editing takes.
 *
 * @param selfFrom self-attention is fused at steps {@code selfFrom ... selfTo - 1}
 * @param selfTo T, unless fusion spares the noisiest steps
 * @param crossFrom cross-attention is fused at steps {@code crossFrom ... T - 1}
 * @param fuseAt sites of at most this many cells a side are fused
 * @param keep whether queries, keys and maps are kept; otherwise the source is run again beside the edit
 * @param maskTokens the source prompt's tokens that the blend mask is made of; none for no mask
 * @param maskCells cells that the short side of the maps of the blend mask has at least
 */
public record Needs(int selfFrom, int selfTo, int crossFrom, int fuseAt, boolean keep, int[] maskTokens, int maskCells) {

    /** The resolution of the mask at 512x512. */
    public static final int MASK_CELLS = 16;

    /** What it takes to know, of each of the source prompt's first tokens, where it looks: masks of any words are made of them. */
    public static List<Needs> ofEachWordToken(int tokens, int maskCells) {
        return IntStream.rangeClosed(1, tokens).mapToObj(token -> new Needs(0, 0, 0, 0, false, new int[] {token}, maskCells)).toList();
    }

    /** The same where nothing was kept. */
    public Needs recomputing() {
        return ofTokens(maskTokens);
    }

    /** The same steps, where nothing is kept but where these tokens look. */
    public Needs ofTokens(int[] tokens) {
        return new Needs(selfFrom, selfTo, crossFrom, fuseAt, false, tokens, maskCells);
    }

    /** The same of the source's attention, kept, without a mask. */
    public Needs keeping() {
        return new Needs(selfFrom, selfTo, crossFrom, fuseAt, true, new int[0], maskCells);
    }

    /** Whether the source's attention at {@code site} is wanted in step {@code k}. */
    public boolean fuses(Site site, int k) {
        return site.isAtMost(fuseAt) && (site.cross() ? k >= crossFrom : k >= selfFrom && k < selfTo);
    }

    /** Whether any of it is wanted in step {@code k}. */
    public boolean fuses(int k) {
        return k >= crossFrom || k >= selfFrom && k < selfTo;
    }

    public boolean masks() {
        return maskTokens.length > 0;
    }
}
