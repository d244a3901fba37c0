package org.fatezero.edit;

import ai.djl.ndarray.NDArray;

import org.fatezero.Tiny;
import org.fatezero.diffusion.Progress;
import org.fatezero.diffusion.Schedule;
import org.fatezero.inversion.DdimInversion;
import org.fatezero.inversion.Needs;
import org.fatezero.inversion.Trajectory;
import org.fatezero.forward.Pass;
import org.fatezero.text.Prompt;

import java.util.Arrays;
import java.util.List;

/** Edits with the tiny model: inversion, then editing, of latents. */
record TinyEdit(Tiny tiny, Pass pass, int steps, boolean implicit) {

    TinyEdit(Tiny tiny, Pass pass, int steps) {
        this(tiny, pass, steps, false);
    }

    static final Progress SILENT = (step, steps) -> { };
    private static final String SOURCE = "a silver jeep on a road";
    private static final String TARGET = "watercolor painting of a silver jeep on a road";

    /** The latents of a clip; they belong to a window of their own. */
    NDArray latents(int height, int width) {
        return tiny.normal(tiny.manager.newSubManager(), pass.frames(), 4, height, width);
    }

    /** The same prompt, no guidance, nothing fused. */
    NDArray reconstruct(NDArray z0) throws Exception {
        Prompt source = tiny.prompt(SOURCE);
        Needs none = new Needs(steps, steps, steps, 64, true, new int[0], Needs.MASK_CELLS);
        return run(z0, tiny.text(SOURCE, "", SOURCE), edit(1, none, cross(source, source, 0), null, false, new int[0]), SILENT);
    }

    /** Self- and cross-attention fused in a share of the steps, within a blend mask if {@code blend}. */
    NDArray restyle(NDArray z0, boolean keep, boolean blend, Progress progress) throws Exception {
        return run(z0, tiny.text(SOURCE, "", TARGET), restyling(keep, blend), progress);
    }

    /** The same in the least memory. */
    NDArray restyleSparing(NDArray z0, boolean blend) throws Exception {
        return run(z0, tiny.text(SOURCE, "", TARGET), restyling(true, blend).sparing(), SILENT);
    }

    private DdimEditing.Edit restyling(boolean keep, boolean blend) {
        Prompt source = tiny.prompt(SOURCE);
        Prompt target = tiny.prompt(TARGET);
        Needs needs = new Needs(steps - (int) (0.8 * steps), steps, steps - (int) (0.7 * (steps + 1)), 64, keep,
                blend ? source.find("jeep", tiny.tokenizer) : new int[0], Needs.MASK_CELLS);
        BlendMask mask = blend ? new BlendMask(tiny.torch, 0.3) : null;
        return edit(7.5, needs, cross(source, target, 0.7), mask, blend, blend ? target.find("jeep", tiny.tokenizer) : new int[0]);
    }

    private NDArray run(NDArray z0, NDArray text, DdimEditing.Edit edit, Progress progress) throws Exception {
        Schedule schedule = Tiny.schedule(steps, implicit);
        Trajectory trajectory = new DdimInversion(tiny.unet, schedule, tiny.torch)
                .run(z0, text.get("0:1"), pass, List.of(edit.needs()), progress);
        return new DdimEditing(tiny.unet, schedule, tiny.torch).run(trajectory, text, pass, edit, progress);
    }

    private static DdimEditing.Edit edit(double guidance, Needs needs, CrossFusion cross, BlendMask mask, boolean blend, int[] tokens) {
        return new DdimEditing.Edit(guidance, needs, cross, mask, blend ? mask : null, 0.2, 0.8, tokens, false, false);
    }

    private CrossFusion cross(Prompt source, Prompt target, double share) {
        int[] all = new int[target.ids().length];
        Arrays.setAll(all, i -> i);
        float[] emphasis = new float[all.length];
        Arrays.fill(emphasis, 1);
        emphasis[target.wordTokens().get(0)[0]] = 3;
        return new CrossFusion(tiny.manager, tiny.torch, Alignment.refine(source, target), emphasis,
                List.of(new CrossFusion.Gate(all, 0, share)), steps);
    }
}
