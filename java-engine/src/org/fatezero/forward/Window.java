package org.fatezero.forward;

import java.util.List;

/**
 * The frames that are edited together: how many, and what their layers share.
 *
 * @param frames how many there are
 * @param keys the frames that spatial-temporal self-attention sees
 * @param keysAt layers of at most this many cells a side use {@code keys}; in larger ones each frame sees itself
 * @param byArea whether layers are measured by the cells of their maps, as in the authors' code; otherwise by their level
 * @param sharedNorm whether the norms of residual blocks share their statistics over the frames, as in the authors' code
 */
public record Window(int frames, KeyFrames keys, int keysAt, boolean byArea, boolean sharedNorm) {

    private static final List<String> SELF = List.of("self");

    /** Frames on their own: the UNet as it was trained. */
    public static Window plain(int frames) {
        return new Window(frames, new KeyFrames(SELF, frames), 0, false, false);
    }

    /** How many frames share the statistics of a norm. */
    public int normFrames() {
        return sharedNorm ? frames : 1;
    }

    /** How many frames the keys at a self-attention site are of. */
    public int keyFrames(Site site) {
        return keysOf(site).count();
    }

    public KeyFrames keysOf(Site site) {
        return site.isAtMost(keysAt) ? keys : new KeyFrames(SELF, frames);
    }
}
