package org.fatezero.edit.fatezero;

import ai.djl.ndarray.NDArray;

import org.fatezero.edit.Branch;
import org.fatezero.edit.EditMethod;
import org.fatezero.edit.region.Regions;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.inversion.TokenAttention;
import org.fatezero.inversion.Trajectory;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;

import java.util.List;

/**
 * Another method within the mask of {@link Trajectory}: where it is 0 the latents of each step are the source's, and where it is between 0
 * and 1 the edit goes on undisturbed until its last, of which that share is taken. Taken in each, it would be nothing in the end.
 *
 * @param regions the first of which the mask is for: in others the edit goes on
 */
public record Masked(EditMethod method, Torch torch, Regions regions) implements EditMethod {

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
            public NDArray afterStep(int k, NDArray z) {
                NDArray edited = run.afterStep(k, z);
                NDArray zSource = source.latents().get(k);
                try (edited; Scope scope = new Scope(edited, zSource, source.mask(), source.reach())) {
                    return scope.keep(torch.lerp(zSource, edited, free(source, k, scope)));
                }
            }
        };
    }

    /** Where the edit goes on: in the mask, and in the other regions. */
    private NDArray free(Trajectory source, int k, Scope scope) {
        NDArray mask = k == 0 ? source.mask() : source.reach();
        if (regions.all().size() < 2) {
            return mask;
        }
        List<NDArray> masks = regions.masks(scope.manager(), source.attention().get(k)::tokens, words -> null,
                (int) mask.getShape().get(2), (int) mask.getShape().get(3));
        return mask.maximum(regions.union(masks, region -> region != regions.all().get(0)));
    }
}
