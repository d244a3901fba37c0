package org.fatezero.edit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.tensor.Torch;

import java.util.Arrays;

/**
 * How far each frame of a window has moved from one prompt to a second one. Both predict noise in each step, and a frame goes on with what
 * lies between the two. The anchor that frames attend to does not move: each prompt has its own, which is all its own. So a frame depends
 * on itself, its share and the anchor alone.
 *
 * @param shares one a frame, 0 for the first prompt to 1 for the second
 */
public record Mix(double... shares) {

    /** The first prompt alone. */
    public static final Mix NONE = new Mix();

    /** Whether some frames are between the prompts, or not all at the same. */
    public boolean isBetween() {
        return !isAll(0) && !isAll(1);
    }

    /** Whether all frames have this share. */
    public boolean isAll(double share) {
        return shares.length == 0 ? share == 0 : Arrays.stream(shares).allMatch(one -> one == share);
    }

    /** Of frame {@code i}. */
    public double share(int i) {
        return shares.length == 0 ? 0 : shares[i];
    }

    /** Differs where edits do; empty if there is the first prompt alone. */
    public String name() {
        return isAll(0) ? "" : Arrays.toString(shares);
    }

    /**
     * The latents that the next step begins with.
     *
     * @param z under each prompt, {@code (rows, channels, h, w)}
     * @param beside whether the first row is the anchor; rows beyond the frames have the last one's share
     */
    NDArray[] between(Torch torch, NDArray[] z, boolean beside) {
        NDArray[] mixed = new NDArray[2];
        for (int prompt = 0; prompt < 2; prompt++) {
            try (NDArray weight = weight(z[0].getManager(), (int) z[0].getShape().get(0), beside, prompt)) {
                mixed[prompt] = torch.lerp(z[0], z[1], weight);
            }
        }
        return mixed;
    }

    private NDArray weight(NDManager manager, int rows, boolean beside, int prompt) {
        float[] weights = new float[rows];
        for (int row = 0; row < rows; row++) {
            int frame = beside ? row - 1 : row;
            weights[row] = frame < 0 ? prompt : (float) shares[Math.min(frame, shares.length - 1)];
        }
        return manager.create(weights, new Shape(rows, 1, 1, 1));
    }
}
