package org.fatezero.engine;

import org.fatezero.video.Frame;
import org.fatezero.video.FrameBuffers;
import org.fatezero.video.FrameFormat;

import java.nio.ByteBuffer;

/**
 * What the windows of a shot have in common: its anchor, the one frame that all others may attend to and that the shot is described
 * by. It is a frame of the shot's first window, or one that the host hands over, and is kept until the next shot begins.
 */
final class Shot {

    private final int index;     // of the anchor in the first window, if that is long enough
    private FrameBuffers anchor; // null before the first window
    private FrameFormat format;
    private String caption;      // null until it is described

    Shot(int index) {
        this.index = index;
    }

    /** The next window begins a shot. */
    void begin() {
        anchor = null;
        caption = null;
    }

    /** The next window begins a shot with this anchor, which is copied. */
    void begin(ByteBuffer frame, int stride, FrameFormat format) {
        begin();
        anchor = new FrameBuffers(new ByteBuffer[] {frame}, new int[] {stride}).copy(0);
        this.format = format;
    }

    /**
     * A window is about to be edited; frames of another size begin a shot.
     *
     * @param apart whether the anchor is wanted even if it is one of the window's frames
     * @return the anchor; null if it is one of the window's frames and not wanted apart
     */
    FrameBuffers enter(FrameFormat format, FrameBuffers window, boolean apart) {
        if (!format.equals(this.format)) {
            begin();
        }
        FrameBuffers beside = anchor;
        if (anchor == null) {
            anchor = window.copy(Math.min(index, window.count() - 1));
            this.format = format;
        }
        return apart ? anchor : beside;
    }

    /** The anchor, to be described. */
    Frame picture() {
        return format.picture(anchor.buffers()[0], anchor.strides()[0]);
    }

    /** What the shot shows, or null if it is not described yet. */
    String caption() {
        return caption;
    }

    void describe(String caption) {
        this.caption = caption;
    }
}
