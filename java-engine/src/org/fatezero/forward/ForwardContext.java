package org.fatezero.forward;

/**
 * The arguments of a forward pass of the UNet besides its inputs. The batch holds {@code branches * frames} latents, frames
 * innermost; branches differ in their text.
 *
 * @param window what the frames of a branch have to do with each other
 * @param latentHeight rows of the latents, {@code latentWidth} their columns; the UNet sets them
 * @param firstUpTo the first branch is dropped from the batch once the up blocks reach layers of more than this many cells a side
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

    /** The same with one more hook, which is called inside those that it has. */
    public ForwardContext and(ForwardHook other) {
        return new ForwardContext(window, latentHeight, latentWidth, firstUpTo, hook == ForwardHook.NONE ? other : hook.andThen(other));
    }

    /** The same for latents of another size. */
    public ForwardContext at(int height, int width) {
        return new ForwardContext(window, height, width, firstUpTo, hook);
    }

    /** The same with another {@link #firstUpTo}. */
    public ForwardContext firstUpTo(int cells) {
        return new ForwardContext(window, latentHeight, latentWidth, cells, hook);
    }

    public int frames() {
        return window.frames();
    }

    /** The attention site of a feature map. */
    public Site site(String name, Site.Part part, boolean cross, Level level, int height, int width) {
        int side = level.side(height, width, window.byArea());
        return new Site(name, part, cross, level.depth(), side, height, width, latentHeight, latentWidth);
    }
}
