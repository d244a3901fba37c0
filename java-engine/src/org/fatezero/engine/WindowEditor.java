package org.fatezero.engine;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.device.OutOfMemory;
import org.fatezero.diffusion.Progress;
import org.fatezero.diffusion.Schedule;
import org.fatezero.edit.DdimEditing;
import org.fatezero.edit.Edit;
import org.fatezero.edit.Mix;
import org.fatezero.edit.plan.EditPlan;
import org.fatezero.edit.plan.PromptWords;
import org.fatezero.edit.plan.Prompts;
import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.Window;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.inversion.DdimInversion;
import org.fatezero.inversion.Reconstruction;
import org.fatezero.inversion.TokenAttention;
import org.fatezero.inversion.Trajectory;
import org.fatezero.inversion.TrajectoryFile;
import org.fatezero.io.CacheFolder;
import org.fatezero.model.Model;
import org.fatezero.model.Models;
import org.fatezero.options.Options;
import org.fatezero.show.Show;
import org.fatezero.show.Steady;
import org.fatezero.text.Prompt;
import org.fatezero.video.FrameBuffers;
import org.fatezero.video.FrameFormat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;

/**
 * What happens to one window: encode, invert, edit, decode. It holds the model, the prompts' encodings and the planned edits,
 * which share one inversion.
 */
public final class WindowEditor implements AutoCloseable {

    private final Host host;
    private final Options options; // of the first edit; those that inversion depends on are the same in all
    private final Model model;
    private final NDManager manager; // what outlives a window: the prompts' encodings and the methods' tables
    private final Schedule schedule;
    private final List<Shown> edits = new ArrayList<>();
    private final InversionCache inversions; // null unless they are kept on disk
    private final EditCache edited;          // likewise
    private final CapturePolicy store;

    /** One of the edits, that to its second prompt or null, what is shown of it, and the level that it starts from. */
    private record Shown(Edit edit, Edit second, Show show, int depth) {
    }

    /**
     * Loads the model, encodes the prompts and plans the edits.
     *
     * @param asked options of each edit
     * @param precision of the UNet
     */
    WindowEditor(List<Options> asked, Device device, DataType precision, CapturePolicy store, Host host) throws IOException {
        this.host = host;
        this.store = store;
        options = asked.get(0);
        model = Models.acquire(options.model(), options.lora(), device, precision, host, reporting("load"));
        manager = model.manager.newSubManager();
        try {
            schedule = new Schedule(model.scheduler, options.steps(), asked.stream().mapToInt(Options::depth).max().orElseThrow(),
                    options.solver().equals("implicit"));
            if (options.source().equals(Options.AUTO)) {
                inversions = null;
                edited = null;
                return; // the model is there; the edits are planned once the clip is described
            }
            Prompts prompts = new Prompts(model, manager, host);
            Prompt source = prompts.tokens("source", options.source());
            for (Options one : asked) {
                Prompt target = prompts.tokens("prompt", one.prompt());
                EditPlan plan = EditPlan.of(one, model, manager, source, target, host);
                edits.add(new Shown(prompts.edit(plan, one, source, target), prompts.second(one, source), Show.of(one, plan, one.depth(),
                        new PromptWords(model.tokenizer, one.parity(), host), source, target, model.torch), one.depth()));
            }
            CacheFolder folder = options.inversion().isBlank() ? null
                    : CacheFolder.open("inversion", options.inversion(), Math.round(options.cache_limit() * 1e9), host);
            inversions = folder == null ? null : InversionCache.in(folder, host, options, model, source, schedule.depth());
            edited = folder == null ? null : EditCache.in(folder, host, asked, model);
        } catch (IOException | RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /** Of the UNet. */
    DataType precision() {
        return model.precision;
    }

    /** How the network sees a window of {@code frames}, the first of which is the anchor if that is {@code beside} the window's. */
    Window window(int frames, boolean beside, int latentHeight, int latentWidth) {
        return EditPlan.window(options, model.unet.config(), frames, beside, latentHeight, latentWidth);
    }

    /**
     * Edits one window, as {@link Engine#edit}. If not its shot's first it is filled up: in tensors of one shape numbers are rounded alike.
     *
     * @param anchor the shot's, which runs along and is dropped; null if it is one of the window's frames, or none is attended to
     * @param source one a frame
     * @param target one edit's frames after another's
     * @param mix one share a frame of the source, or none
     * @param steady of each edit, holds the frame before these
     * @throws NotFiniteException if the UNet's numbers are not finite; the targets are then untouched
     */
    void edit(FrameFormat frames, FrameBuffers anchor, FrameBuffers source, FrameBuffers target, Mix mix, List<Steady> steady) throws IOException {
        int n = source.count();
        int first = anchor == null ? 0 : 1; // index of the window's first frame: an anchor is before it
        int targets = target.count();
        double scale = (double) (options.size() > 0 ? options.size() : model.nativeSize()) / Math.min(frames.width(), frames.height());
        int h = model.vae.config().pixels(frames.height() * scale);
        int w = model.vae.config().pixels(frames.width() * scale);
        try (NDManager window = model.manager.newSubManager()) {
            List<Result> results = retried(frames, anchor == null ? source : anchor.and(source.filled(options.window())), first > 0, mix, h, w, window);
            report("decode", 0, targets);
            for (int i = edits.size() - 1; i >= 0; i--) { // backwards: the first edit may overwrite the source, which others still show
                Show show = edits.get(i).show;
                Result result = results.get(i);
                Steady.Window steadied = steady.get(i).over(frames, show.steady(), window, model.torch);
                for (int j = 0; j < n; j++) {
                    int k = i * n + j;
                    NDArray x = !show.showsEdit() ? null : steadied.next(source.buffers()[j], source.strides()[j],
                            new Steady.Asked(source.mask(j), mix.share(j)), decoded(result.z(), first + j));
                    try (NDArray heat = frame(result.heat(), first + j); NDArray changed = frame(result.changed(), first + j)) {
                        show.paint(frames, source.buffers()[j], source.strides()[j], target.buffers()[k], target.strides()[k], x, heat, changed, window);
                    }
                    report("decode", (edits.size() - 1 - i) * n + j + 1, targets);
                }
                steadied.keep();
            }
        } catch (EngineException | OutOfMemoryError e) {
            if (!OutOfMemory.is(e)) {
                throw e;
            }
            boolean halves = model.manager.getDevice().isGpu() && model.precision == DataType.FLOAT32;
            throw OutOfMemory.error(size(n, w, h), "lower window= or size=" + (halves ? ", or use precision=fp16" : ""), e);
        }
    }

    /** The window's results; after an out-of-memory error it is tried once more with recompute and sequential branches. */
    private List<Result> retried(FrameFormat frames, FrameBuffers source, boolean beside, Mix mix, int h, int w, NDManager window) throws IOException {
        try {
            return results(frames, source, beside, mix, h, w, window);
        } catch (EngineException | OutOfMemoryError e) {
            if (store.isExhausted() || !OutOfMemory.is(e)) {
                throw e;
            }
            host.log(Host.WARNING, "no memory left for " + size(beside ? source.count() - 1 : source.count(), w, h) + ": once more, and from now on, with store=recompute "
                    + "and the branches one after another, which takes longer");
            store.exhausted();
        }
        return results(frames, source, beside, mix, h, w, window);
    }

    private static String size(int frames, int w, int h) {
        return frames + (frames == 1 ? " frame" : " frames") + " edited at " + w + "x" + h;
    }

    /** @param window owns the results; all else is freed */
    private List<Result> results(FrameFormat frames, FrameBuffers source, boolean beside, Mix mix, int h, int w, NDManager window) throws IOException {
        Shape latents = new Shape(source.count(), model.unet.config().inChannels(), h / model.vae.config().factor(), w / model.vae.config().factor());
        ForwardContext context = ForwardContext.of(window(source.count(), beside, (int) latents.get(2), (int) latents.get(3)));
        boolean keeps = store.keeps(model.unet.config(), (int) latents.get(2), (int) latents.get(3), context.window(),
                model.textEncoder.config().maxPositionEmbeddings(), schedule.depth(), specs(true), model.precision);
        try (CapturePolicy.Taken taken = store.window(); NDManager inversion = window.newSubManager()) {
            TrajectoryFile file = inversions == null ? null : inversions.file(frames, source, beside);
            List<Result> before = file == null ? null : edited.read(EditCache.key(file.key() + mix.name(), source.masks()), window, source.count());
            if (before != null) {
                return before;
            }
            Trajectory trajectory = file == null ? null : read(file, inversion, latents, keeps);
            boolean inverts = trajectory == null;
            TrajectoryFile kept = inverts && file != null && !Files.exists(file.path()) ? file : null; // one that is there may not be read: see read()
            if (inverts) {
                trajectory = invert(encode(frames, source, h, w, inversion), context, keeps, kept);
            }
            List<Result> results;
            try {
                results = edited(trajectory.within(source.mask(latents, inversion, model.torch)), mix, beside, context, keeps && inverts);
            } catch (EngineException | OutOfMemoryError e) {
                if (kept != null) {
                    inversions.write(kept, trajectory, options.source()); // it need not be made again with less memory
                }
                throw e;
            }
            for (Result result : results) {
                Stream.of(result.z(), result.heat(), result.changed()).filter(Objects::nonNull).forEach(array -> array.attach(window));
            }
            if (file != null) { // the edit first: had it been stopped, it would be made in another way from a kept inversion than undisturbed
                results = edited.write(EditCache.key(file.key() + mix.name(), source.masks()), results);
            }
            if (kept != null) {
                inversions.write(kept, trajectory, options.source());
            }
            return results;
        }
    }

    /** Frame {@code i} of the latents as pixels {@code (1, 3, h, w)}. */
    private NDArray decoded(NDArray frames, int i) {
        try (NDArray z = frame(frames, i)) {
            return finite(model.vae.decode(z), "the decoded frames");
        }
    }

    private static NDArray frame(NDArray frames, int i) {
        return frames == null ? null : frames.get("{}:{}", i, i + 1);
    }

    /**
     * The inversion that the file holds, for edits that recompute what else they need of the source; null without a file.
     * Where several edits share what is kept, inverting costs less than what each would recompute.
     */
    private Trajectory read(TrajectoryFile file, NDManager window, Shape latents, boolean keeps) {
        List<CaptureSpec> specs = specs(keeps);
        return specs.size() > 1 && specs.get(0).keep() ? null : inversions.read(file, window, model, latents, specs(false));
    }

    /** What is captured for each edit. */
    private List<CaptureSpec> specs(boolean keeps) {
        boolean halves = model.precision == DataType.FLOAT32 && !options.parity(); // nobody sees more
        return edits.stream().flatMap(edit -> Stream.of(edit.show.captured(), edit.second == null || !edit.show.makesEdit() ? null : edit.second.method().source()))
                .filter(Objects::nonNull).map(spec -> !keeps ? spec.recomputing() : halves ? spec.halved() : spec).toList();
    }

    /** Clean latents {@code (frames, channels, h, w)} of pixels. */
    private NDArray encode(FrameFormat frames, FrameBuffers source, int h, int w, NDManager window) {
        try (NDManager temporary = window.newSubManager()) {
            NDList latents = new NDList();
            for (int i = 0; i < source.count(); i++) {
                report("encode", i, source.count());
                if (i > 0 && source.buffers()[i] == source.buffers()[i - 1]) { // it fills the window
                    latents.add(latents.get(i - 1));
                    continue;
                }
                try (NDArray x = frames.read(source.buffers()[i], source.strides()[i], h, w, options.parity(), temporary, model.torch)) {
                    latents.add(model.vae.encode(x));
                }
            }
            NDArray z0 = NDArrays.concat(latents, 0);
            z0.attach(window);
            return finite(z0, "the frames' latents");
        }
    }

    /**
     * @param context frames, keys, norms and hooks
     * @param keeps whether what edits need of the source's attention is kept
     * @param file where the inversion will be kept, or null
     */
    Trajectory invert(NDArray z0, ForwardContext context, boolean keeps, TrajectoryFile file) {
        List<CaptureSpec> specs = new ArrayList<>(specs(keeps));
        if (file != null) {
            specs.add(CaptureSpec.ofTokens(file.words()));
        }
        Edit first = edits.get(0).edit;
        NDArray sourceText = first.text().get(z0.getManager(), new NDIndex("0:1"));
        boolean again = options.attention().equals("reconstruction");
        Trajectory trajectory = new DdimInversion(model.unet, schedule, model.torch)
                .run(z0, sourceText, context, again ? List.of() : specs, again ? reporting("invert") : store.taking(reporting("invert")));
        if (again) {
            NDArray unconditional = first.text().get(z0.getManager(), new NDIndex("1:2"));
            trajectory = new Reconstruction(model.unet, schedule, model.torch).run(trajectory.zT(), sourceText,
                    unconditional, first.guidance(), context, specs, store.taking(reporting("reconstruct")));
        }
        return trajectory;
    }

    /**
     * Makes each edit, or what is to be shown of it.
     *
     * @param beside whether the first of its frames is the anchor
     * @param context as the inversion's
     * @param kept whether the trajectory has what was wanted of the source's attention; otherwise it is recomputed
     */
    List<Result> edited(Trajectory trajectory, Mix mix, boolean beside, ForwardContext context, boolean kept) {
        List<Result> results = new ArrayList<>();
        int steps = edits.stream().mapToInt(Shown::depth).sum(); // of all edits
        for (Shown shown : edits) {
            Trajectory source = trajectory.upTo(shown.depth);
            TokenAttention ofEdit = shown.show.ofEdit(source.zT().getManager(), context.frames());
            NDArray z = null;
            if (shown.show.makesEdit()) {
                DdimEditing editing = new DdimEditing(model.unet, schedule, model.torch);
                List<TokenAttention> watched = ofEdit == null ? List.of() : List.of(ofEdit);
                int before = edits.subList(0, results.size()).stream().mapToInt(Shown::depth).sum();
                Progress progress = (step, depth) -> report("edit", before + step, steps);
                z = shown.second != null && mix.isBetween()
                        ? editing.run(source, List.of(shown.edit, shown.second), mix, beside, context, sourceOfAttention(kept), watched, progress)
                        : editing.run(source, shown.second != null && mix.isAll(1) ? shown.second : shown.edit, context, sourceOfAttention(kept), watched,
                                progress, (level, latents) -> { });
            }
            results.add(new Result(z, shown.show.heat(source, ofEdit), shown.show.changed(source, z)));
        }
        return results;
    }

    private DdimEditing.Source sourceOfAttention(boolean kept) {
        return store.isExhausted() ? DdimEditing.Source.SEQUENTIAL : kept ? DdimEditing.Source.KEPT : DdimEditing.Source.BESIDE;
    }

    private Progress reporting(String phase) {
        return (step, steps) -> report(phase, step, steps);
    }

    private void report(String phase, int step, int steps) {
        if (!host.step(phase, step, steps)) {
            throw new CancellationException("cancelled by the host in phase " + phase + ", step " + step + " of " + steps);
        }
    }

    /** What the VAE gave, if it is. It always runs in single precision, so broken weights are the cause. */
    private NDArray finite(NDArray x, String what) {
        if (!model.torch.allFinite(x)) {
            throw new IllegalArgumentException(what + " are not finite: the VAE's weights in model=" + options.model() + " are broken");
        }
        return x;
    }

    @Override
    public void close() {
        if (manager.isOpen()) {
            manager.close();
            Models.release(model);
        }
    }
}
