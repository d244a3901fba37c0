package org.fatezero.edit.region;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.inversion.TokenAttention;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;

import java.util.List;

/**
 * Where the edit may change the frames (FateZero, eq. 7): one where the blend words' cross-attention, pooled, resized and
 * divided by the frame's maximum, is above the threshold; or everywhere else.
 *
 * @param threshold from 0; of 1 or more the mask is empty, since no value is above the maximum
 * @param inverted whether the words name what must not change
 * @param pooled whether each cell takes the maximum of its neighbours first, as in the authors' code, which widens what the
 *     words name by a cell
 */
public record BlendMask(Torch torch, double threshold, boolean inverted, boolean pooled) {

    public BlendMask(Torch torch, double threshold) {
        this(torch, threshold, false, true);
    }

    /**
     * @param to owns the result
     * @return {@code (frames, 1, h, w)} of 0 and 1, in single precision at least
     */
    public NDArray at(NDManager to, TokenAttention input, int h, int w) {
        try (Scope scope = new Scope(to)) {
            return scope.keep(of(share(scope.manager(), List.of(input), h, w)));
        }
    }

    /**
     * What is compared with the threshold, the larger of several where there are several.
     *
     * @param to owns the result
     * @return {@code (frames, 1, h, w)} up to 1
     */
    NDArray share(NDManager to, List<TokenAttention> inputs, int h, int w) {
        NDArray largest = null;
        for (TokenAttention input : inputs) {
            NDArray sum = sum(input);
            try (Scope scope = new Scope(to, sum)) {
                NDArray share = scope.keep(torch.overMaximum(torch.nearest(pool(sum), h, w)));
                largest = largest == null ? share : largest.maximum(share);
            }
        }
        return largest;
    }

    /** The mask of a share, of its manager. */
    NDArray of(NDArray share) {
        return (inverted ? share.lte(threshold) : share.gt(threshold)).toType(share.getDataType(), false);
    }

    /** What is compared with the threshold, {@code (frames, 1, h, w)} up to 1, at the resolution that the mask is made at. */
    public NDArray attention(NDManager to, TokenAttention input) {
        NDArray sum = sum(input);
        try (Scope scope = new Scope(to, sum)) {
            return scope.keep(torch.overMaximum(pool(sum)));
        }
    }

    private NDArray pool(NDArray sum) {
        return pooled ? torch.maxPool3(sum) : sum;
    }

    /**
     * The attention, {@code (frames, 1, h, w)}.
     *
     * @throws IllegalArgumentException if no layer has been read
     */
    public static NDArray sum(TokenAttention input) {
        NDArray sum = input.sum();
        if (sum == null) {
            throw new IllegalArgumentException("blend needs cross-attention at a quarter of the latent's resolution, or 16 cells wide "
                    + "where that is more; this model has none at this size: set a larger size, or edit without blend words");
        }
        return sum;
    }
}
