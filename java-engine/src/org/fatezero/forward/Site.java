package org.fatezero.forward;

/**
 * An attention layer of the UNet, for latents of one size.
 *
 * @param name the layer's name in the checkpoint
 * @param part in which part of the UNet it lies
 * @param cross whether it attends to the text; otherwise to the frames themselves
 * @param level how often its feature map has been halved, 0 for one of the latent's size
 * @param side cells a side, as in {@link Level#side(int, int, boolean)}
 * @param height rows of its feature map, in cells
 * @param width columns of its feature map, in cells
 * @param latentHeight rows of the latent that the pass runs on
 * @param latentWidth columns of that latent
 */
public record Site(String name, Part part, boolean cross, int level, int side, int height, int width, int latentHeight, int latentWidth) {

    /** The parts of the UNet. */
    public enum Part { DOWN, MID, UP }

    /** Queries a frame: {@code height * width}. */
    public int positions() {
        return height * width;
    }

    public boolean isAtMost(int cells) {
        return side <= cells;
    }
}
