package org.fatezero.forward;

/**
 * One of the UNet's resolutions: its maps have half the rows and half the columns of those of the level before.
 *
 * @param depth 0 for the latent's own resolution
 * @param side cells a side of its maps at the size that the model was trained at
 */
public record Level(int depth, int side) {

    /**
     * The number that options such as {@code keys_at} are compared with: {@link #side}, whatever size and shape the frames have, or,
     * if {@code byArea}, the side of the smallest square with as many cells as a map of {@code height} by {@code width}.
     */
    public int side(int height, int width, boolean byArea) {
        return byArea ? (int) Math.ceil(Math.sqrt((double) height * width)) : side;
    }
}
