package org.fatezero.unet;

import ai.djl.ndarray.NDArray;

import org.fatezero.forward.ForwardContext;
import org.fatezero.tensor.Operation;
import org.fatezero.tensor.Torch;

/** Branches that begin with the same latents are one until they read their texts. */
final class Branches {

    private final Operation spread;

    Branches(Torch torch) {
        spread = torch.operation("spread");
    }

    /**
     * @param x of the branches of {@code text}, or of fewer, the last of which stands for all further ones; closed if it is replaced
     * @return of all of them
     */
    NDArray spread(NDArray x, NDArray text, ForwardContext context) {
        int branches = (int) text.getShape().get(0);
        if (x.getShape().get(0) == (long) context.frames() * branches) {
            return x;
        }
        try (x) {
            return spread.run(x, context.frames(), branches);
        }
    }
}
