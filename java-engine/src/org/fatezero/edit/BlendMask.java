package org.fatezero.edit;

import ai.djl.ndarray.NDArray;

import org.fatezero.inversion.MaskInput;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;

/**
 * Where the edit may change the frames (FateZero, eq. 7): one where the blend words' cross-attention, pooled, resized and
 * divided by the frame's maximum, is above the threshold.
 *
 * @param threshold below 1, or nothing is masked in
 */
public record BlendMask(Torch torch, double threshold) {

    /** @return {@code (frames, 1, h, w)} of 0 and 1, in the type of the attention maps */
    public NDArray at(MaskInput input, int h, int w) {
        NDArray sum = input.sum();
        if (sum == null) {
            throw new IllegalArgumentException("blend needs cross-attention at a quarter of the latent's resolution, "
                    + "which this model does not have; edit without blend words");
        }
        try (Scope scope = new Scope(sum)) {
            NDArray value = torch.nearest(torch.maxPool3(sum), h, w);
            return scope.keep(torch.overMaximum(value).gt(threshold).toType(sum.getDataType(), false));
        }
    }
}
