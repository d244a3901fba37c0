package org.fatezero.show;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.tensor.Torch;
import org.fatezero.video.FrameFormat;
import org.fatezero.video.Motion;

import java.nio.ByteBuffer;

/**
 * Takes flicker out of an edit: each frame is drawn towards the frame before it, itself steadied and moved along as the source has moved, where
 * the source is still alike. So the frames of a shot go on from each other through all of its windows. The source alone says how things
 * move, as in blind video temporal consistency (Bonneel et al. 2015), which does this to gradients.
 *
 * <p>The last frame is held in Java's memory, since models and their arrays may be replaced between windows.
 */
public final class Steady {

    private final double share;
    private FrameFormat format; // of the last frame
    private Shape shape;        // of it as it was edited, (1, 3, h, w)
    private float[] source;     // it, in [-1, 1]; null where the next frame begins anew
    private float[] edit;       // and what became of it

    /** @param share how far each frame is drawn, 0 to 1 */
    public Steady(double share) {
        this.share = share;
    }

    /** The next frame begins a shot. */
    public void begin() {
        source = null;
    }

    /** @param manager owns what the window needs */
    public Window over(FrameFormat format, NDManager manager, Torch torch) {
        return new Window(format, manager, torch);
    }

    /** The frames of one window, one after another. */
    public final class Window {

        private final FrameFormat format;
        private final NDManager manager;
        private final Torch torch;
        private NDArray source; // the frame before; null where the next begins anew
        private NDArray edit;   // and what became of it

        private Window(FrameFormat format, NDManager manager, Torch torch) {
            this.format = format;
            this.manager = manager;
            this.torch = torch;
            if (Steady.this.source != null && format.equals(Steady.this.format)) {
                source = manager.create(Steady.this.source, shape);
                edit = manager.create(Steady.this.edit, shape);
            }
        }

        /**
         * The next frame.
         *
         * @param x as it was edited, {@code (1, 3, h, w)}; it is closed
         * @return it, steadied; it is closed with the next
         */
        public NDArray next(ByteBuffer picture, int stride, NDArray x) {
            NDArray now = share == 0 ? null
                    : format.read(picture, stride, (int) x.getShape().get(2), (int) x.getShape().get(3), false, manager, torch);
            NDArray steadied = x;
            if (now != null && source != null) {
                try (NDManager temporary = manager.newSubManager(); x) {
                    steadied = Motion.between(now, source, temporary, torch).steadied(x, edit, share, torch);
                }
            }
            if (source != null) {
                source.close();
            }
            if (edit != null) {
                edit.close();
            }
            source = now;
            edit = steadied;
            return steadied;
        }

        /** All frames are done: the next window goes on from the last. */
        public void keep() {
            Steady.this.source = source == null ? null : source.toFloatArray();
            if (source != null) {
                Steady.this.format = format;
                shape = edit.getShape();
                Steady.this.edit = edit.toFloatArray();
            }
        }
    }
}
