package org.fatezero.show;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.tensor.Torch;
import org.fatezero.video.FrameFormat;
import org.fatezero.video.Mask;
import org.fatezero.video.Motion;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * Takes flicker out of an edit: each frame is drawn towards the frame before it, itself steadied and moved along as the source has
 * moved, where the source is still alike and the same was asked for. So the frames of a shot go on from each other through all of its
 * windows. The source alone says how things move, as in blind video temporal consistency (Bonneel et al. 2015), which does this to
 * gradients.
 */
public final class Steady {

    /** In Java's memory, since models and their arrays may be replaced between windows. Pictures are {@code (1, 3, h, w)} in [-1, 1]. */
    private record Last(FrameFormat format, Asked asked, Shape shape, float[] source, float[] edit) {
    }

    /**
     * What was asked of a frame.
     *
     * @param mask where it was to change
     * @param mix how far it had moved to the second prompt
     */
    public record Asked(Mask mask, double mix) {
    }

    private Last last; // null where the next frame begins anew

    /** The next frame begins a shot. */
    public void begin() {
        last = null;
    }

    /**
     * @param share how far each frame is drawn, 0 to 1
     * @param manager owns what the window needs
     */
    public Window over(FrameFormat format, double share, NDManager manager, Torch torch) {
        return new Window(format, share, manager, torch);
    }

    /** The frames of one window, one after another. */
    public final class Window {

        private final FrameFormat format;
        private final double share;
        private final NDManager manager;
        private final Torch torch;
        private NDArray source; // the frame before; null where the next begins anew
        private NDArray edit;   // and what became of it
        private Asked asked;

        private Window(FrameFormat format, double share, NDManager manager, Torch torch) {
            this.format = format;
            this.share = share;
            this.manager = manager;
            this.torch = torch;
            if (share > 0 && last != null && format.equals(last.format)) {
                source = manager.create(last.source, last.shape);
                edit = manager.create(last.edit, last.shape);
                asked = last.asked;
            }
        }

        /**
         * The next frame.
         *
         * @param x as it was edited, {@code (1, 3, h, w)}; the window closes it
         * @return it, steadied; the window closes it with the next
         */
        public NDArray next(ByteBuffer picture, int stride, Asked of, NDArray x) {
            int h = (int) x.getShape().get(2);
            int w = (int) x.getShape().get(3);
            if (edit != null && !edit.getShape().equals(x.getShape())) {
                forget(); // another size is edited from here on
            }
            NDArray now = share == 0 ? null : format.read(picture, stride, h, w, false, manager, torch);
            NDArray steadied = x;
            if (now != null && source != null) {
                try (NDManager temporary = manager.newSubManager(); x) {
                    Motion motion = Motion.between(now, source, temporary, torch);
                    if (!of.mask.isLike(asked.mask)) {
                        NDArray masks = Mask.at(List.of(of.mask, asked.mask), h, w, temporary, torch);
                        motion = motion.lessAlike(masks.get("0:1").sub(masks.get("1:2")).abs().neg().add(1));
                    }
                    steadied = motion.steadied(x, edit, share * (1 - Math.abs(of.mix - asked.mix)), torch);
                }
            }
            forget();
            source = now;
            edit = steadied;
            asked = of;
            return steadied;
        }

        private void forget() {
            Stream.of(source, edit).filter(Objects::nonNull).forEach(NDArray::close);
            source = null;
            edit = null;
        }

        /** All frames are done: the next window goes on from the last. */
        public void keep() {
            last = source == null ? null : new Last(format, asked, edit.getShape(), source.toFloatArray(), edit.toFloatArray());
        }
    }
}
