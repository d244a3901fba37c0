package org.fatezero.forward;

/**
 * What a forward pass of the UNet needs to know besides its inputs. The batch holds {@code branches * frames} latents,
 * frames innermost; branches differ in their text.
 *
 * @param frames length of the window
 * @param keys the frames that spatial-temporal self-attention sees
 * @param keysAt sites of at most this many cells a side use {@code keys}; larger ones attend within each frame
 * @param byArea whether sites are measured by the cells of their maps, as in the authors' code; otherwise by their level
 * @param windowNorm whether the norms of residual blocks share statistics over the window, as in the authors' code
 * @param hook called at every attention layer
 */
public record Pass(int frames, KeyFrames keys, int keysAt, boolean byArea, boolean windowNorm, AttentionHook hook) {

    private static final java.util.List<String> SELF = java.util.List.of("self");

    /** Frames on their own: the UNet as it was trained. */
    public static Pass plain(int frames) {
        return new Pass(frames, new KeyFrames(SELF, frames), 0, false, false, AttentionHook.PLAIN);
    }

    /** The same pass with another hook. */
    public Pass with(AttentionHook other) {
        return new Pass(frames, keys, keysAt, byArea, windowNorm, other);
    }

    /** How many frames share the statistics of a norm. */
    public int normFrames() {
        return windowNorm ? frames : 1;
    }

    /** How many frames the keys at a self-attention site are of. */
    public int keyFrames(Site site) {
        return keysOf(site).count();
    }

    public KeyFrames keysOf(Site site) {
        return site.isAtMost(keysAt) ? keys : new KeyFrames(SELF, frames);
    }
}
