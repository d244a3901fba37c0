package org.fatezero.edit;

import ai.djl.ndarray.NDArray;

import org.fatezero.inversion.Capture;
import org.fatezero.inversion.MaskInput;
import org.fatezero.inversion.Needs;
import org.fatezero.forward.AttentionHook;
import org.fatezero.forward.Site;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;

import java.util.List;

/**
 * One editing step's attention (FateZero, eq. 5-7, algorithms 1 and 2). The edit is the last branch of the batch; only it
 * is touched. What the source attended to was kept, or comes from the source run again as the first branch.
 *
 * <p>Self-attention is blended by rows of its output, {@code M A(Qe, Ke) Ve + (1 - M) A(Qs, Ks) Ve}, which equals blending
 * the maps because M is one number a query.
 */
final class FusionHook implements AttentionHook {

    private final Torch torch;
    private final Needs needs;
    private final CrossFusion cross;
    private final BlendMask mask;     // null for none
    private final MaskInput sourceMask; // null for none
    private final Capture kept;       // of the source; null where it is the first branch
    private final List<MaskInput> ofEdit; // what is wanted of the edit's own attention
    private final int step;           // as in Schedule
    private final int editStep;       // 0 the noisiest

    FusionHook(Torch torch, Needs needs, CrossFusion cross, BlendMask mask, MaskInput sourceMask, Capture kept, List<MaskInput> ofEdit,
            int step, int steps) {
        this.torch = torch;
        this.needs = needs;
        this.cross = cross;
        this.mask = mask;
        this.sourceMask = sourceMask;
        this.kept = kept;
        this.ofEdit = ofEdit;
        this.step = step;
        editStep = steps - 1 - step;
    }

    @Override
    public NDArray attend(Site site, NDArray q, NDArray k, NDArray v, Kernel kernel) {
        boolean fuses = needs.fuses(site, step);
        List<MaskInput> masks = ofEdit.stream().filter(input -> input.reads(site)).toList();
        if (!fuses && masks.isEmpty()) {
            return kernel.apply(q, k, v);
        }
        try (Scope scope = new Scope(q, k, v)) {
            long edit = q.getShape().get(0) - 1;
            NDArray others = edit == 0 ? null : kernel.apply(q.get("0:{}", edit), k.get("0:{}", edit), v.get("0:{}", edit));
            NDArray qe = branch(q, edit);
            NDArray ke = branch(k, edit);
            NDArray ve = branch(v, edit);
            NDArray edited;
            if (site.cross()) {
                NDArray map = torch.attentionMap(qe, ke); // (1, heads, frames * positions, tokens)
                masks.forEach(input -> input.add(site, map));
                edited = torch.applyMap(fuses ? fused(kept != null ? kept.cross(site)
                        : torch.attentionMap(branch(q, 0), branch(k, 0)), map) : map, ve);
            } else {
                edited = selfAttention(site, qe, ke, ve, kept != null ? kept.self(site)
                        : new Capture.QueriesAndKeys(branch(q, 0), branch(k, 0)), kernel);
            }
            return scope.keep(others == null ? edited : others.concat(edited, 0));
        }
    }

    private NDArray fused(NDArray sourceMap, NDArray map) {
        try (Scope scope = new Scope(map, sourceMap)) {
            return scope.keep(cross.fuse(sourceMap, map, editStep));
        }
    }

    private NDArray selfAttention(Site site, NDArray qe, NDArray ke, NDArray ve, Capture.QueriesAndKeys kept, Kernel kernel) {
        try (Scope scope = new Scope(qe, ke, ve, kept.queries(), kept.keys())) {
            NDArray replaced = kernel.apply(kept.queries(), kept.keys(), ve);
            if (mask == null) {
                return scope.keep(replaced);
            }
            NDArray m = mask.at(scope.manager(), sourceMask, site.height(), site.width()); // (frames, 1, h, w)
            NDArray own = kernel.apply(qe, ke, ve);
            return scope.keep(torch.lerp(replaced, own, torch.copyTo(m, own).reshape(1, -1, 1))); // (1, frames * positions, heads * d)
        }
    }

    private static NDArray branch(NDArray x, long i) {
        return x.get("{}:{}", i, i + 1);
    }
}
