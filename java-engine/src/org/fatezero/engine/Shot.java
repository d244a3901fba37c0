package org.fatezero.engine;

import org.fatezero.video.FrameFormat;

import java.nio.ByteBuffer;

/**
 * What the windows of a shot have in common: its anchor, the one frame that all others may attend to. It is a frame of the shot's
 * first window, or one that the host hands over, and is kept until the next shot begins.
 */
final class Shot {

    private final int index;     // of the anchor in the first window, if that is long enough
    private FrameBuffers anchor; // null before the first window
    private FrameFormat format;

    Shot(int index) {
        this.index = index;
    }

    /** The next window begins a shot. */
    void begin() {
        anchor = null;
    }

    /** The next window begins a shot with this anchor, which is copied. */
    void begin(ByteBuffer frame, int stride, FrameFormat format) {
        anchor = new FrameBuffers(new ByteBuffer[] {frame}, new int[] {stride}).copy(0);
        this.format = format;
    }

    /** The anchor for a window of frames of this format; null if it is one of them, or not known yet. */
    FrameBuffers anchor(FrameFormat format) {
        return format.equals(this.format) ? anchor : null;
    }

    /** A window is about to be edited: if it begins the shot, its anchor is kept. */
    void see(FrameFormat format, FrameBuffers window) {
        if (anchor(format) == null) {
            anchor = window.copy(Math.min(index, window.count() - 1));
            this.format = format;
        }
    }
}
