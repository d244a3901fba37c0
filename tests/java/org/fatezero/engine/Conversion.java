package org.fatezero.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.fatezero.tensor.Torch;
import org.fatezero.video.FrameFormat;

import java.nio.ByteBuffer;

/** How long the engine's conversion of pixels takes. */
public final class Conversion {

    private Conversion() {
    }

    /** The best time of a square frame's way from pixels to a tensor and back. */
    public static double seconds(int side, NDManager manager, Torch torch) {
        FrameFormat frames = new FrameFormat(side, side, 8);
        ByteBuffer pixels = ByteBuffer.allocateDirect(3 * side * side);
        double best = Double.MAX_VALUE;
        for (int i = 0; i < 20; i++) {
            long begin = System.nanoTime();
            try (NDArray x = frames.read(pixels, 3 * side, side, side, false, manager, torch)) {
                frames.write(x, pixels, 3 * side, torch);
            }
            best = Math.min(best, (System.nanoTime() - begin) / 1e9);
        }
        return best;
    }
}
