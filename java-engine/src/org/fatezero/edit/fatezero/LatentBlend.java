package org.fatezero.edit.fatezero;

/**
 * When the edit's latents are replaced by the source's outside of its regions, whose masks are joined by the edit's own attention.
 *
 * @param from share of the steps after which that begins, 0 to 1
 * @param to share of the steps before which it ends; 1 for not at all
 * @param asPublished whether the source's latents are one level noisier, as in the authors' code, rather than of equal noise
 */
public record LatentBlend(double from, double to, boolean asPublished) {

    /** Whether latents are put back after step {@code j} of {@code steps}, 0 the noisiest: strictly within the shares. */
    boolean after(int j, int steps) {
        return (int) (from * steps) < j + 1 && (j + 1 < (int) (to * steps) || to == 1);
    }
}
