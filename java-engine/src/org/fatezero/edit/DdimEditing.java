package org.fatezero.edit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.fatezero.diffusion.Progress;
import org.fatezero.diffusion.Schedule;
import org.fatezero.inversion.Capture;
import org.fatezero.inversion.MaskInput;
import org.fatezero.inversion.Needs;
import org.fatezero.inversion.Trajectory;
import org.fatezero.forward.AttentionHook;
import org.fatezero.forward.Pass;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.unet.UNet;

import java.util.List;
import java.util.Objects;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * Guided DDIM denoising from the inverted {@code zT} under the edit prompt, with the source's attention fused in
 * (FateZero, section 3.2 and algorithm 1).
 */
public final class DdimEditing {

    /**
     * What an edit is, besides its prompts.
     *
     * @param guidance scale of classifier-free guidance; 1 for none
     * @param needs what of the source is fused, and when
     * @param cross how cross-attention maps are fused
     * @param mask where self-attention may be the edit's own, or null for nowhere
     * @param latentMask outside of which latents are put back to the source's, or null for none put back
     * @param latentsFrom share of the steps after which latents are put back, 0 to 1
     * @param latentsTo share of the steps before which that ends; 1 for not at all
     * @param editTokens the target prompt's blend tokens, for {@code latentMask}; none for the source's mask alone, as {@code needs} may
     *     have none for the edit's
     * @param asPublished whether latent blending takes the source's latent one level noisier, as the authors' code does,
     *     rather than the one of equal noise
     * @param inTurn whether the branches run one after another, each in the memory that the one before it had, rather than in one batch
     */
    public record Edit(double guidance, Needs needs, CrossFusion cross, BlendMask mask, BlendMask latentMask,
            double latentsFrom, double latentsTo, int[] editTokens, boolean asPublished, boolean inTurn) {

        /** The same edit where the inversion kept nothing. */
        public Edit recomputing() {
            return new Edit(guidance, needs.recomputing(), cross, mask, latentMask, latentsFrom, latentsTo, editTokens, asPublished, inTurn);
        }

        /** The same edit in the least memory. */
        public Edit sparing() {
            return new Edit(guidance, needs.recomputing(), cross, mask, latentMask, latentsFrom, latentsTo, editTokens, asPublished, true);
        }

        /** Whether latents are put back after step {@code j} of {@code steps}: strictly within its shares. */
        private boolean putsBackAfter(int j, int steps) {
            return latentMask != null && (int) (latentsFrom * steps) < j + 1 && (j + 1 < (int) (latentsTo * steps) || latentsTo == 1);
        }
    }

    private final UNet unet;
    private final Schedule schedule;
    private final Torch torch;

    public DdimEditing(UNet unet, Schedule schedule, Torch torch) {
        this.unet = unet;
        this.schedule = schedule;
        this.torch = torch;
    }

    /**
     * @param text encodings of the source, the unconditional and the edit prompt, {@code (3, tokens, width)}
     * @param pass frames, keys and norms; its hook is not used
     * @return the edited clean latents, owned by the manager of the trajectory
     * @throws org.fatezero.tensor.NotFiniteException at the first step whose latents are not finite
     */
    public NDArray run(Trajectory trajectory, NDArray text, Pass pass, Edit edit, Progress progress) {
        return run(trajectory, text, pass, edit, null, progress);
    }

    /** @param seen gathers the edit's own attention to some of its words, over all steps; or null */
    public NDArray run(Trajectory trajectory, NDArray text, Pass pass, Edit edit, MaskInput seen, Progress progress) {
        return run(trajectory, text, pass, edit, seen, progress, (level, z) -> { });
    }

    /** {@link #run} that shows {@code watcher} the latents at each level reached, from {@code T - 1} to 0. */
    NDArray run(Trajectory trajectory, NDArray text, Pass pass, Edit edit, MaskInput seen, Progress progress,
            BiConsumer<Integer, NDArray> watcher) {
        NDManager window = trajectory.zT().getManager();
        int steps = schedule.steps();
        MaskInput editMask = edit.editTokens.length > 0 ? new MaskInput(window, torch, edit.editTokens,
                edit.needs.maskCells(), pass.frames()) : null;
        List<MaskInput> ofEdit = Stream.of(editMask, seen).filter(Objects::nonNull).toList();
        NDArray z = trajectory.zT();
        int first = steps - schedule.depth();
        for (int j = first; j < steps; j++) {
            int k = steps - 1 - j;
            int done = j - first;
            progress.at(done, schedule.depth());
            UnaryOperator<AttentionHook> told = hook -> progress.within(done, schedule.depth(), hook);
            NDArray next;
            try (NDArray epsilon = edit.inTurn ? guidedNoiseInTurn(trajectory, z, text, pass, told, edit, ofEdit, k)
                    : guidedNoise(trajectory, z, text, pass, told, edit, ofEdit, k)) {
                next = schedule.denoise(z, epsilon, k);
            }
            if (edit.putsBackAfter(j, steps)) {
                try (NDArray unblended = next) {
                    next = blend(trajectory, unblended, edit, editMask, k);
                }
            }
            if (z != trajectory.zT()) {
                z.close();
            }
            z = next;
            torch.requireFinite(z, "the latents edited to level " + k + " of " + steps);
            watcher.accept(k, z);
        }
        return z;
    }

    /** Epsilon under guidance; the branches of one batch are the source where it runs again, no prompt, and the edit. */
    private NDArray guidedNoise(Trajectory trajectory, NDArray z, NDArray text, Pass pass, UnaryOperator<AttentionHook> told, Edit edit,
            List<MaskInput> ofEdit, int k) {
        int frames = pass.frames();
        boolean sourceAgain = !edit.needs.keep() && edit.needs.fuses(k);
        FusionHook hook = hook(trajectory, edit.needs.keep() ? trajectory.captures().get(k) : null, edit, ofEdit, k);
        try (NDArray source = sourceAgain ? trajectory.input(schedule, k) : null; Scope scope = new Scope(z, text, source)) {
            NDArray guided = z.concat(z, 0);
            NDArray batch = sourceAgain ? source.concat(guided, 0) : guided;
            NDArray epsilon = unet.forward(batch, schedule.timestep(k), sourceAgain ? text : text.get("1:"), pass.with(told.apply(hook)),
                    sourceAgain ? edit.needs.fuseAt() : Integer.MAX_VALUE);
            long first = epsilon.getShape().get(0) - 2 * frames;
            NDArray unconditional = epsilon.get("{}:{}", first, first + frames);
            NDArray conditional = epsilon.get("{}:{}", first + frames, first + 2 * frames);
            return scope.keep(unconditional.add(conditional.sub(unconditional).mul(edit.guidance)));
        }
    }

    /** The same of an edit for which nothing was kept: of each step the source's attention is kept until the edit has had its turn. */
    private NDArray guidedNoiseInTurn(Trajectory trajectory, NDArray z, NDArray text, Pass pass, UnaryOperator<AttentionHook> told, Edit edit,
            List<MaskInput> ofEdit, int k) {
        int t = schedule.timestep(k);
        try (NDArray source = trajectory.input(schedule, k); Scope scope = new Scope(z, text, source)) {
            NDArray unconditional = unet.forward(z, t, text.get("1:2"), pass.with(told.apply(AttentionHook.PLAIN)));
            Capture kept = new Capture(z.getManager(), torch, List.of(edit.needs.keeping()), pass.frames(), k);
            if (edit.needs.fuses(k)) {
                unet.forward(source, t, text.get("0:1"), pass.with(told.apply(kept))).close();
            }
            NDArray conditional = unet.forward(z, t, text.get("2:3"), pass.with(told.apply(hook(trajectory, kept, edit, ofEdit, k))));
            return scope.keep(unconditional.add(conditional.sub(unconditional).mul(edit.guidance)));
        }
    }

    private FusionHook hook(Trajectory trajectory, Capture kept, Edit edit, List<MaskInput> ofEdit, int k) {
        return new FusionHook(torch, edit.needs, edit.cross, edit.mask, trajectory.captures().get(k).maskInput(edit.needs), kept, ofEdit, k,
                schedule.steps());
    }

    /** The source's latents outside its own mask, the edit's, or the union of the two; everywhere if there is neither. */
    private NDArray blend(Trajectory trajectory, NDArray z, Edit edit, MaskInput editMask, int k) {
        int h = (int) z.getShape().get(2);
        int w = (int) z.getShape().get(3);
        NDArray zSource = trajectory.latents().get(edit.asPublished ? k + 1 : k);
        try (Scope scope = new Scope(z, zSource)) {
            return scope.keep(Stream.of(trajectory.captures().get(k).maskInput(edit.needs), editMask).filter(Objects::nonNull)
                    .map(input -> edit.latentMask.at(scope.manager(), input, h, w)) // (frames, 1, h, w)
                    .reduce(edit.latentMask::union).map(mask -> torch.lerp(zSource, z, mask)).orElseGet(zSource::duplicate));
        }
    }
}
