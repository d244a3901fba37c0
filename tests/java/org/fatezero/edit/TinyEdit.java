package org.fatezero.edit;

import ai.djl.ndarray.NDArray;

import org.fatezero.Tiny;
import org.fatezero.diffusion.Progress;
import org.fatezero.diffusion.Schedule;
import org.fatezero.edit.fatezero.Alignment;
import org.fatezero.edit.fatezero.CrossAttentionControl;
import org.fatezero.edit.fatezero.FateZero;
import org.fatezero.edit.fatezero.FusedSteps;
import org.fatezero.edit.fatezero.LatentBlend;
import org.fatezero.edit.fatezero.SelfBlend;
import org.fatezero.edit.region.BlendMask;
import org.fatezero.edit.region.Region;
import org.fatezero.edit.region.Regions;
import org.fatezero.edit.region.StepRange;
import org.fatezero.forward.ForwardContext;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.inversion.DdimInversion;
import org.fatezero.inversion.TokenSet;
import org.fatezero.inversion.Trajectory;
import org.fatezero.text.Prompt;

import java.util.Arrays;
import java.util.List;

/** Edits with the tiny model: inversion, then editing, of latents. */
record TinyEdit(Tiny tiny, ForwardContext context, int steps, boolean implicit) {

    TinyEdit(Tiny tiny, ForwardContext context, int steps) {
        this(tiny, context, steps, false);
    }

    static final Progress SILENT = (step, steps) -> { };
    private static final String SOURCE = "a silver jeep on a road";
    private static final String TARGET = "watercolor painting of a silver jeep on a road";

    /** The latents of a clip; they belong to a window of their own. */
    NDArray latents(int height, int width) {
        return tiny.normal(tiny.manager.newSubManager(), context.frames(), 4, height, width);
    }

    /** The same prompt, no guidance, nothing fused. */
    NDArray reconstruct(NDArray z0) throws Exception {
        return run(z0, new Edit(new Ddim(tiny.torch), tiny.text(SOURCE, "", SOURCE), 1), DdimEditing.Source.KEPT, SILENT);
    }

    /** Self- and cross-attention fused in a share of the steps, within a blend mask if {@code blend}. */
    NDArray restyle(NDArray z0, boolean keep, boolean blend, Progress progress) throws Exception {
        return run(z0, restyling(blend), keep ? DdimEditing.Source.KEPT : DdimEditing.Source.BESIDE, progress);
    }

    /** The same in the least memory. */
    NDArray restyleSequentially(NDArray z0, boolean blend) throws Exception {
        return run(z0, restyling(blend), DdimEditing.Source.SEQUENTIAL, SILENT);
    }

    private Edit restyling(boolean blend) {
        Prompt source = tiny.prompt(SOURCE);
        Prompt target = tiny.prompt(TARGET);
        FusedSteps fused = new FusedSteps(steps - (int) (0.8 * steps), steps, steps - (int) (0.7 * (steps + 1)), 64);
        BlendMask mask = blend ? new BlendMask(tiny.torch, 0.3) : null;
        StepRange never = new StepRange(0, 0);
        Regions regions = blend ? new Regions(tiny.torch, List.of(new Region(mask, jeep(source), jeep(target), never)))
                : Regions.none(tiny.torch);
        EditMethod method = new FateZero(tiny.torch, steps, fused, cross(source, target, 0.7), regions,
                blend ? new SelfBlend(new StepRange(0, steps), false) : null, blend ? new LatentBlend(0.2, 0.8, false) : null, null);
        return new Edit(method, tiny.text(SOURCE, "", TARGET), 7.5);
    }

    private TokenSet jeep(Prompt prompt) {
        return TokenSet.of(prompt.find("jeep", tiny.tokenizer), TokenSet.MASK_CELLS);
    }

    private NDArray run(NDArray z0, Edit edit, DdimEditing.Source from, Progress progress) throws Exception {
        Schedule schedule = Tiny.schedule(steps, implicit);
        CaptureSpec captured = edit.method().source();
        Trajectory trajectory = new DdimInversion(tiny.unet, schedule, tiny.torch).run(z0, edit.text().get("0:1"), context,
                List.of(from == DdimEditing.Source.KEPT ? captured : captured.recomputing()), progress);
        return new DdimEditing(tiny.unet, schedule, tiny.torch).run(trajectory, edit, context, from, progress);
    }

    private CrossAttentionControl cross(Prompt source, Prompt target, double share) {
        int[] all = new int[target.ids().length];
        Arrays.setAll(all, i -> i);
        float[] emphasis = new float[all.length];
        Arrays.fill(emphasis, 1);
        emphasis[target.wordTokens().get(0)[0]] = 3;
        return new CrossAttentionControl(tiny.manager, tiny.torch, Alignment.refine(source, target), emphasis,
                List.of(new CrossAttentionControl.Gate(all, 0, share)), steps);
    }
}
