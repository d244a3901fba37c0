package org.fatezero.video;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.IntPointer;

import static org.bytedeco.ffmpeg.global.avutil.av_display_rotation_get;

/**
 * How a frame lies in its file.
 *
 * @param flipped whether it is upside down, in a mirror, before it is turned
 * @param quarters clockwise turns after that
 */
record Orientation(boolean flipped, int quarters) {

    static final Orientation UPRIGHT = new Orientation(false, 0);

    private static final int MATRIX_BYTES = 9 * Integer.BYTES;

    /** That of a display matrix, to the nearest quarter of a turn; upright if there is none in so many bytes. */
    static Orientation of(BytePointer matrix, long bytes) {
        return bytes < MATRIX_BYTES ? UPRIGHT : of(new IntPointer(matrix));
    }

    private static Orientation of(IntPointer matrix) {
        double anticlockwise = av_display_rotation_get(matrix); // of a row of the frame, whichever way its columns go
        if (Double.isNaN(anticlockwise)) {
            return UPRIGHT;
        }
        long determinant = (long) matrix.get(0) * matrix.get(4) - (long) matrix.get(1) * matrix.get(3);
        return new Orientation(determinant < 0, Math.floorMod(-Math.round(anticlockwise / 90), 4));
    }

    Frame upright(Frame frame) {
        return (flipped ? frame.flipped() : frame).turned(quarters);
    }
}
