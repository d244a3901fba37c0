package org.fatezero.show;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.tensor.Torch;
import org.fatezero.video.FrameBuffers;
import org.fatezero.video.FrameFormat;
import org.fatezero.video.Motion;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Takes flicker out of edits: each frame is drawn towards the frame before it, itself steadied and moved along as the source has moved, where
 * the source is still alike. So the frames of a shot go on from each other through all of its windows. The source alone says how things
 * move, as in blind video temporal consistency (Bonneel et al. 2015), which does this to gradients.
 *
 * <p>The last frame is held in Java's memory, since models and their arrays may be replaced between windows.
 */
public final class Steady {

    private FrameFormat format; // of the last frame
    private Shape shape;        // of it as it was edited, (1, 3, h, w)
    private float[] source;     // it, in [-1, 1]; null where the next frame begins anew
    private float[][] edits;    // and what became of it

    /** The next frame begins a shot. */
    public void begin() {
        source = null;
    }

    /**
     * @param shares how far the frames of each edit are drawn, 0 to 1
     * @param manager owns what the window needs
     */
    public Window over(FrameFormat frames, FrameBuffers pictures, int h, int w, double[] shares, NDManager manager, Torch torch) {
        return new Window(frames, pictures, new Shape(1, 3, h, w), shares, manager, torch);
    }

    /** The frames of one window. */
    public final class Window {

        private final FrameFormat format;
        private final double[] shares;
        private final Torch torch;
        private final List<Motion> motions = new ArrayList<>(); // of each frame since the one before; null for the first of a shot
        private final NDArray[] before; // the last frame of each edit, steadied
        private NDArray last;           // the source's last frame; null where nothing is steadied

        private Window(FrameFormat format, FrameBuffers pictures, Shape shape, double[] shares, NDManager manager, Torch torch) {
            this.format = format;
            this.shares = shares;
            this.torch = torch;
            before = new NDArray[shares.length];
            if (Arrays.stream(shares).allMatch(share -> share == 0)) {
                return;
            }
            if (source != null && format.equals(Steady.this.format) && shape.equals(Steady.this.shape)) {
                last = manager.create(source, shape);
                for (int i = 0; i < edits.length; i++) {
                    before[i] = edits[i] == null ? null : manager.create(edits[i], shape);
                }
            }
            for (int j = 0; j < pictures.count(); j++) {
                NDArray now = format.read(pictures.buffers()[j], pictures.strides()[j], (int) shape.get(2), (int) shape.get(3), false, manager, torch);
                motions.add(last == null ? null : Motion.between(now, last, manager, torch));
                if (last != null) {
                    last.close();
                }
                last = now;
            }
        }

        /**
         * The next frame of an edit.
         *
         * @param x {@code (1, 3, h, w)}, which is closed
         * @return it, steadied; it is closed with the next
         */
        public NDArray next(int edit, int frame, NDArray x) {
            NDArray steadied = x;
            if (shares[edit] > 0 && before[edit] != null && motions.get(frame) != null) {
                steadied = motions.get(frame).steadied(x, before[edit], shares[edit], torch);
                x.close();
            }
            if (before[edit] != null) {
                before[edit].close();
            }
            before[edit] = steadied;
            return steadied;
        }

        /** All frames are done: the next window goes on from the last. */
        public void keep() {
            source = null;
            if (last != null) {
                Steady.this.format = format;
                shape = last.getShape();
                source = last.toFloatArray();
                edits = new float[before.length][];
                for (int i = 0; i < before.length; i++) {
                    edits[i] = before[i] == null ? null : before[i].toFloatArray();
                }
            }
        }
    }
}
