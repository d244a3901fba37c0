package org.fatezero.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.diffusion.Progress;
import org.fatezero.diffusion.Schedule;
import org.fatezero.edit.DdimEditing;
import org.fatezero.edit.Edit;
import org.fatezero.edit.Mix;
import org.fatezero.edit.plan.EditPlan;
import org.fatezero.edit.plan.PromptWords;
import org.fatezero.edit.plan.Prompts;
import org.fatezero.forward.ForwardContext;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.inversion.DdimInversion;
import org.fatezero.inversion.Reconstruction;
import org.fatezero.inversion.TokenAttention;
import org.fatezero.inversion.TokenSet;
import org.fatezero.inversion.Trajectory;
import org.fatezero.model.Model;
import org.fatezero.options.Options;
import org.fatezero.show.Show;
import org.fatezero.text.Prompt;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** What happens to a window's latents: they are inverted once, and each of the planned edits is made of that. */
final class LatentEditor {

    private final Options options; // of the first edit; those that inversion depends on are the same in all
    private final Model model;
    private final Schedule schedule;
    private final CapturePolicy store;
    private final Host host;
    private final List<PlannedEdit> edits;

    /** An edit, that to its second prompt or null, what is shown of it, and the level that it starts from. */
    private record PlannedEdit(Edit edit, Edit second, Show show, int depth) {

        static PlannedEdit of(Options options, Prompts prompts, Prompt source) {
            Model model = prompts.model();
            Prompt target = prompts.tokens("prompt", options.prompt());
            EditPlan plan = EditPlan.of(options, model, prompts.manager(), source, target, prompts.log());
            PromptWords words = new PromptWords(model.tokenizer, options.parity(), prompts.log());
            Show show = Show.of(options, plan, options.depth(), words, source, target, model.torch);
            return new PlannedEdit(prompts.edit(plan, options, source, target), prompts.second(options, source), show, options.depth());
        }

        /** What is captured of the source for it. */
        Stream<CaptureSpec> specs() {
            return second == null || !show.makesEdit() ? Stream.of(show.captured()) : Stream.of(show.captured(), second.method().source());
        }
    }

    /**
     * Plans the edits.
     *
     * @param asked options of each
     * @param prompts encodes their prompts
     * @param source what the clip shows
     * @param store decides whether the source's attention is kept
     */
    LatentEditor(List<Options> asked, Prompts prompts, Prompt source, Schedule schedule, CapturePolicy store, Host host) {
        options = asked.get(0);
        model = prompts.model();
        this.schedule = schedule;
        this.store = store;
        this.host = host;
        edits = asked.stream().map(one -> PlannedEdit.of(one, prompts, source)).toList();
    }

    int edits() {
        return edits.size();
    }

    /** What is shown of an edit, counted from 0. */
    Show show(int edit) {
        return edits.get(edit).show;
    }

    /** What is captured for the edits. */
    List<CaptureSpec> specs(boolean keeps) {
        boolean halves = model.precision == DataType.FLOAT32 && !options.parity(); // nobody sees more
        return edits.stream().flatMap(PlannedEdit::specs)
                .map(spec -> !keeps ? spec.recomputing() : halves ? spec.halved() : spec).toList();
    }

    /** Whether what the edits need of the source's attention is kept for latents of this shape. */
    boolean keeps(Shape latents, ForwardContext context) {
        return store.keeps(model.unet.config(), (int) latents.get(2), (int) latents.get(3), context.window(),
                model.textEncoder.config().maxPositionEmbeddings(), schedule.depth(), specs(true), model.precision);
    }

    /**
     * @param z0 clean latents {@code (frames, channels, h, w)}
     * @param context frames, keys, norms and hooks
     * @param keeps whether what edits need of the source's attention is kept
     * @param words sets of tokens whose attention is summed up besides: those that other edits of this inversion may ask for
     */
    Trajectory invert(NDArray z0, ForwardContext context, boolean keeps, List<TokenSet> words) {
        List<CaptureSpec> specs = new ArrayList<>(specs(keeps));
        if (!words.isEmpty()) {
            specs.add(CaptureSpec.ofTokens(words));
        }
        Edit first = edits.get(0).edit;
        NDManager manager = z0.getManager();
        NDArray sourceText = first.text().get(manager, new NDIndex("0:1"));
        DdimInversion inversion = new DdimInversion(model.unet, schedule, model.torch);
        Progress inverted = (step, steps) -> host.report("invert", step, steps);
        if (!options.attention().equals("reconstruction")) {
            return inversion.run(z0, sourceText, context, specs, store.taking(inverted));
        }
        NDArray zT = inversion.run(z0, sourceText, context, List.of(), inverted).zT();
        NDArray unconditional = first.text().get(manager, new NDIndex("1:2"));
        Progress reconstructed = store.taking((step, steps) -> host.report("reconstruct", step, steps));
        return new Reconstruction(model.unet, schedule, model.torch)
                .run(zT, sourceText, unconditional, first.guidance(), first.guided(), context, specs, reconstructed);
    }

    /**
     * Makes each edit, or what is to be shown of it.
     *
     * @param beside whether the first of its frames is the anchor
     * @param context as the inversion's
     * @param kept whether the trajectory has what was wanted of the source's attention; otherwise it is recomputed
     */
    List<Result> edit(Trajectory trajectory, Mix mix, boolean beside, ForwardContext context, boolean kept) {
        DdimEditing editing = new DdimEditing(model.unet, schedule, model.torch);
        DdimEditing.Source attention = store.isExhausted() ? DdimEditing.Source.SEQUENTIAL
                : kept ? DdimEditing.Source.KEPT : DdimEditing.Source.BESIDE;
        int steps = edits.stream().mapToInt(PlannedEdit::depth).sum(); // of all edits
        int before = 0;                                                // steps of those that are made
        List<Result> results = new ArrayList<>();
        for (PlannedEdit planned : edits) {
            Trajectory source = trajectory.upTo(planned.depth);
            TokenAttention ofEdit = planned.show.ofEdit(source.zT().getManager(), context.frames());
            List<TokenAttention> watched = Stream.ofNullable(ofEdit).toList();
            int made = before;
            Progress progress = (step, depth) -> host.report("edit", made + step, steps);
            boolean moves = planned.second != null && mix.isBetween();
            Edit one = planned.second != null && mix.isAll(1) ? planned.second : planned.edit;
            NDArray z = !planned.show.makesEdit() ? null
                    : moves ? editing.run(source, List.of(planned.edit, planned.second), mix, beside, context, attention, watched, progress)
                    : editing.run(source, one, context, attention, watched, progress, (level, latents) -> { });
            results.add(new Result(z, planned.show.heat(source, ofEdit), planned.show.changed(source, z)));
            before += planned.depth;
        }
        return results;
    }
}
