package org.fatezero.edit.fatezero;

import ai.djl.ndarray.NDArray;

import org.fatezero.edit.Branch;
import org.fatezero.edit.EditMethod;
import org.fatezero.edit.region.Regions;
import org.fatezero.inversion.AttentionStore;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.inversion.TokenAttention;
import org.fatezero.inversion.Trajectory;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;

import java.util.List;

/**
 * Another method from noise that has lost its low frequencies where the edit may change the frames. The noisiest level of Stable
 * Diffusion's schedule has a fifteenth of the clean latents' amplitude left. At high frequencies the noise hides it; at low ones it does
 * not, and broad areas would have their old colours from the start.
 *
 * @param share how much of the low frequencies is taken out, 0 to 1
 * @param regions where, by the mean over all steps of their masks, whose tokens {@code method} has captured; everywhere if the
 *     source has none
 */
public record Forgetting(EditMethod method, Torch torch, double share, Regions regions) implements EditMethod {

    /** Low frequencies are what blocks of this many cells a side, averaged, still show. */
    private static final int BLOCK = 4;

    @Override
    public CaptureSpec source() {
        return method.source();
    }

    @Override
    public List<Branch> branches(int k) {
        return method.branches(k);
    }

    @Override
    public Run begin(Trajectory source, int frames, List<TokenAttention> watched) {
        return new RunOver(method.begin(source, frames, watched)) {
            @Override
            public NDArray start(NDArray zT) {
                NDArray z = run.start(zT);
                try (NDArray where = regions.ofSource().isEmpty() ? null : meanMask(source, z)) {
                    return forget(z, where == null ? source.reach() : where);
                }
            }
        };
    }

    /** {@code (frames, 1, h, w)} for {@code z (frames, channels, h, w)}. */
    private NDArray meanMask(Trajectory source, NDArray z) {
        try (Scope scope = new Scope(z)) {
            NDArray sum = null;
            for (AttentionStore step : source.attention()) {
                NDArray one = regions.union(regions.within(source.reach(), regions.masks(scope.manager(), step::tokens, words -> null,
                        (int) z.getShape().get(2), (int) z.getShape().get(3))), region -> true);
                sum = sum == null ? one : sum.add(one);
            }
            return scope.keep(sum.div(source.attention().size()));
        }
    }

    /** @param where {@code (frames, 1, h, w)} of 0 to 1; null for everywhere */
    NDArray forget(NDArray z, NDArray where) {
        int h = (int) z.getShape().get(2);
        int w = (int) z.getShape().get(3);
        try (Scope scope = new Scope(z, where)) {
            NDArray low = torch.resize(torch.resizeBilinear(z, Math.max(1, h / BLOCK), Math.max(1, w / BLOCK)), h, w).mul(share);
            return scope.keep(z.sub(where == null ? low : low.mul(where)));
        }
    }
}
