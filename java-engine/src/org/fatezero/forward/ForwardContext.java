package org.fatezero.forward;

/**
 * What a forward pass of the UNet carries besides its inputs. The batch holds {@code branches * frames} latents, frames
 * innermost; branches differ in their text.
 *
 * @param window what the frames of a branch have to do with each other
 * @param latentHeight rows of the latents, {@code latentWidth} their columns; the UNet sets them
 * @param firstUpTo on the way up the first branch is dropped after the last layer of at most this many cells a side
 * @param hook watches or changes attention and features
 */
public record ForwardContext(Window window, int latentHeight, int latentWidth, int firstUpTo, ForwardHook hook) {

    /** A pass of all branches that nothing watches. */
    public static ForwardContext of(Window window) {
        return new ForwardContext(window, 0, 0, Integer.MAX_VALUE, ForwardHook.NONE);
    }

    /** Frames on their own: the UNet as it was trained. */
    public static ForwardContext plain(int frames) {
        return of(Window.plain(frames));
    }

    /** The same, watched or changed by another hook within those that it has. */
    public ForwardContext and(ForwardHook other) {
        return new ForwardContext(window, latentHeight, latentWidth, firstUpTo, hook == ForwardHook.NONE ? other : hook.andThen(other));
    }

    /** The same over latents of another size. */
    public ForwardContext at(int height, int width) {
        return new ForwardContext(window, height, width, firstUpTo, hook);
    }

    /** The same for a first branch of which only layers of at most {@code cells} a side are wanted. */
    public ForwardContext firstUpTo(int cells) {
        return new ForwardContext(window, latentHeight, latentWidth, cells, hook);
    }

    public int frames() {
        return window.frames();
    }

    /** The attention site of a feature map. */
    public Site site(String name, Site.Half half, boolean cross, Level level, int height, int width) {
        return new Site(name, half, cross, level.depth(), level.side(height, width, window.byArea()), height, width, latentHeight, latentWidth);
    }
}
