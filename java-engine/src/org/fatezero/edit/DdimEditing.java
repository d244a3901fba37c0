package org.fatezero.edit;

import ai.djl.ndarray.NDArray;

import org.fatezero.diffusion.Progress;
import org.fatezero.diffusion.Schedule;
import org.fatezero.forward.ForwardContext;
import org.fatezero.inversion.AttentionStore;
import org.fatezero.inversion.TokenAttention;
import org.fatezero.inversion.Trajectory;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.unet.UNet;

import java.util.List;
import java.util.function.BiConsumer;

/** Guided DDIM denoising from the inverted {@code zT} under the edit prompt, by an {@link EditMethod}. */
public final class DdimEditing {

    /** Where the source's attention comes from. */
    public enum Source {
        /** The inversion has kept it. */
        KEPT,
        /** The source runs again beside the edit, in one batch. */
        BESIDE,
        /** The source runs again before the edit, and the branches one by one: a lower peak of memory, more time. */
        SEQUENTIAL
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
     * @param trajectory of the source
     * @param context frames, keys, norms and hooks, which see all branches
     * @param from where the source's attention comes from
     * @return the edited clean latents, owned by the manager of the trajectory
     * @throws org.fatezero.tensor.NotFiniteException at the first step whose latents are not finite
     */
    public NDArray run(Trajectory trajectory, Edit edit, ForwardContext context, Source from, Progress progress) {
        return run(trajectory, edit, context, from, List.of(), progress, (level, z) -> { });
    }

    /**
     * @param watched sums that the edit's own attention is added to, over all steps
     * @param watcher is shown the latents at each level reached, from {@code T - 1} to 0
     */
    public NDArray run(Trajectory trajectory, Edit edit, ForwardContext context, Source from, List<TokenAttention> watched,
            Progress progress, BiConsumer<Integer, NDArray> watcher) {
        EditMethod.Run run = edit.method().begin(trajectory, context.frames(), watched);
        int depth = trajectory.depth();
        NDArray z = run.start(trajectory.zT());
        for (int k = depth - 1; k >= 0; k--) {
            progress.at(depth - 1 - k, depth);
            NDArray next = step(trajectory, z, edit, run, context, from, progress, k);
            if (z != trajectory.zT()) {
                z.close();
            }
            z = next;
            torch.requireFinite(z, "the latents edited to level " + k + " of " + schedule.steps());
            watcher.accept(k, z);
        }
        return z;
    }

    /**
     * An edit that moves from one prompt to another.
     *
     * @param edits to the two prompts
     * @param beside whether the window's first row is the anchor
     * @param watched as above, of the first prompt's edit
     */
    public NDArray run(Trajectory trajectory, List<Edit> edits, Mix mix, boolean beside, ForwardContext context, Source from,
            List<TokenAttention> watched, Progress progress) {
        int depth = trajectory.depth();
        EditMethod.Run[] runs = new EditMethod.Run[2];
        NDArray[] z = new NDArray[2];
        for (int i = 0; i < 2; i++) {
            runs[i] = edits.get(i).method().begin(trajectory, context.frames(), i == 0 ? watched : List.of());
            z[i] = runs[i].start(trajectory.zT());
        }
        z = mixed(trajectory, z, mix, beside);
        for (int k = depth - 1; k >= 0; k--) {
            progress.at(depth - 1 - k, depth);
            NDArray[] next = new NDArray[2];
            for (int i = 0; i < 2; i++) {
                next[i] = step(trajectory, z[i], edits.get(i), runs[i], context, from, progress, k);
                z[i].close();
            }
            z = mixed(trajectory, next, mix, beside);
            torch.requireFinite(z[0], "the latents edited to level " + k + " of " + schedule.steps());
        }
        z[1].close();
        return z[0];
    }

    private NDArray[] mixed(Trajectory trajectory, NDArray[] z, Mix mix, boolean beside) {
        NDArray[] mixed = mix.between(torch, z, beside);
        for (NDArray one : z) {
            if (one != trajectory.zT()) {
                one.close();
            }
        }
        return mixed;
    }

    /** The latents of level {@code k}, of those of the level above. */
    private NDArray step(Trajectory trajectory, NDArray z, Edit edit, EditMethod.Run run, ForwardContext context, Source from,
            Progress progress, int k) {
        ForwardContext step = context.and(progress.within(trajectory.depth() - 1 - k, trajectory.depth()));
        try (NDArray epsilon = from == Source.SEQUENTIAL ? noiseOneByOne(trajectory, z, edit, run, step, k)
                : noise(trajectory, z, edit, run, step, from, k)) {
            return run.afterStep(k, schedule.denoise(z, epsilon, k));
        }
    }

    /** Epsilon under guidance, of one batch of all branches. */
    private NDArray noise(Trajectory trajectory, NDArray z, Edit edit, EditMethod.Run run, ForwardContext context, Source from, int k) {
        AttentionStore kept = from == Source.KEPT ? trajectory.attention().get(k) : null;
        List<Branch> branches = edit.method().branches(k).stream().filter(branch -> branch != Branch.SOURCE || kept == null)
                .filter(branch -> branch != Branch.UNCONDITIONAL || edit.isGuided(k)).toList();
        boolean again = branches.contains(Branch.SOURCE);
        try (NDArray source = again ? trajectory.input(schedule, k) : null; Scope scope = new Scope(z, edit.text(), source)) {
            int upTo = again ? edit.method().source().use().upTo() : Integer.MAX_VALUE;
            NDArray epsilon = unet.forward(again ? source.concat(z, 0) : z, schedule.timestep(k), text(edit, branches),
                    context.and(run.hook(k, new SourceStep(torch, kept))).firstUpTo(upTo));
            long ofSource = epsilon.getShape().get(0) - (edit.isGuided(k) ? 2L : 1L) * context.frames(); // 0 where the UNet has dropped it
            NDArray edited = ofSource == 0 ? epsilon : epsilon.get("{}:", ofSource);
            return scope.keep(edit.isGuided(k) ? torch.guided(edited, edit.guidance()) : edited);
        }
    }

    /** The same in one pass a branch: the source's attention is kept from its pass to the edit's. */
    private NDArray noiseOneByOne(Trajectory trajectory, NDArray z, Edit edit, EditMethod.Run run, ForwardContext context, int k) {
        int t = schedule.timestep(k);
        try (NDArray source = trajectory.input(schedule, k); Scope scope = new Scope(z, edit.text(), source)) {
            NDArray unconditional = edit.isGuided(k) ? unet.forward(z, t, row(edit, Branch.UNCONDITIONAL), context) : null;
            AttentionStore kept = new AttentionStore(z.getManager(), torch, List.of(edit.method().source().keeping()), context.frames(), k);
            if (edit.method().branches(k).contains(Branch.SOURCE)) {
                unet.forward(source, t, row(edit, Branch.SOURCE), context.and(kept)).close();
            }
            NDArray conditional = unet.forward(z, t, row(edit, Branch.CONDITIONAL), context.and(run.hook(k, new SourceStep(torch, kept))));
            return scope.keep(edit.isGuided(k) ? torch.guided(unconditional.concat(conditional, 0), edit.guidance()) : conditional);
        }
    }

    /** The rows of the branches: a view of them where they follow one another. */
    private NDArray text(Edit edit, List<Branch> branches) {
        int first = branches.get(0).ordinal();
        int end = first + branches.size();
        return branches.get(branches.size() - 1).ordinal() == end - 1 ? edit.text().get("{}:{}", first, end)
                : torch.rows(edit.text(), branches.stream().mapToInt(Branch::ordinal).toArray());
    }

    private static NDArray row(Edit edit, Branch branch) {
        return edit.text().get("{}:{}", branch.ordinal(), branch.ordinal() + 1);
    }
}
