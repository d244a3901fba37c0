package org.fatezero.engine;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.device.OutOfMemory;
import org.fatezero.diffusion.Schedule;
import org.fatezero.edit.Mix;
import org.fatezero.edit.plan.EditPlan;
import org.fatezero.edit.plan.Prompts;
import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.Window;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.inversion.Trajectory;
import org.fatezero.inversion.TrajectoryFile;
import org.fatezero.io.CacheFolder;
import org.fatezero.io.Once;
import org.fatezero.model.Model;
import org.fatezero.model.ModelFolder;
import org.fatezero.model.Models;
import org.fatezero.options.Options;
import org.fatezero.options.words.Captions;
import org.fatezero.show.Show;
import org.fatezero.show.Steady;
import org.fatezero.text.Prompt;
import org.fatezero.vae.Vae;
import org.fatezero.video.FrameBuffers;
import org.fatezero.video.FrameFormat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;

/**
 * What happens to one window: encode, invert, edit, decode. It holds the model, the prompts' encodings and the planned edits,
 * which share one inversion.
 */
public final class WindowEditor implements AutoCloseable {

    private final Host host;
    private final Options options; // of the first edit; those that inversion depends on are the same in all
    private final Model model;
    private final NDManager manager; // what outlives a window: the prompts' encodings and the methods' tables
    private final CapturePolicy store;
    private final LatentEditor latentEditor; // null until the clip is described
    private final InversionCache inversions; // null unless they are kept on disk
    private final EditCache edited;          // likewise
    private final Once told;

    /**
     * What a window brings.
     *
     * @param frames the anchor where it is {@code beside} them, then the window's
     * @param mix one share a frame of the source, or none
     * @param height pixels that the network sees, as {@code width}
     */
    private record Input(FrameFormat format, FrameBuffers frames, boolean beside, Mix mix, int height, int width) {

        int count() {
            return frames.count();
        }

        String size() {
            int own = beside ? count() - 1 : count();
            return own + (own == 1 ? " frame" : " frames") + " edited at " + width + "x" + height;
        }

        /** Of the latents. */
        Shape latents(Vae.Config vae) {
            return new Shape(count(), vae.latentChannels(), height / vae.factor(), width / vae.factor());
        }
    }

    /**
     * Loads the model, encodes the prompts and plans the edits.
     *
     * @param asked options of each edit
     * @param precision of the UNet
     * @param told has said what need not be said again
     */
    WindowEditor(List<Options> asked, Device device, DataType precision, CapturePolicy store, Host host, Once told) throws IOException {
        this.host = host;
        this.told = told;
        this.store = store;
        options = asked.get(0);
        model = Models.acquire(options.model(), options.lora(), device, precision, host,
                (step, steps) -> host.report("load", step, steps));
        manager = model.manager.newSubManager();
        try {
            int depth = asked.stream().mapToInt(Options::depth).max().orElseThrow();
            Schedule schedule = new Schedule(model.scheduler, options.steps(), depth, options.solver().equals("implicit"));
            if (options.source().equals(Options.AUTO)) {
                latentEditor = null;
                inversions = null;
                edited = null;
                return; // the model is there; the edits are planned once the clip is described
            }
            Prompts prompts = new Prompts(model, manager, host);
            Prompt source = prompts.tokens("source", options.source());
            latentEditor = new LatentEditor(asked, prompts, source, schedule, store, host);
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

    /** Words that the built-in model does not know, of a text that it was given; those that only lead to others do not matter. */
    List<String> unknown(String text) {
        return !options.model().equals(ModelFolder.BUILT_IN) ? List.of()
                : model.tokenizer.encode(text, model.textEncoder.config().maxPositionEmbeddings()).rare().stream()
                        .filter(word -> word.matches("\\p{Alpha}{4,}") && !Captions.isBeforeNouns(word)).toList();
    }

    /** What happens to the window's latents. */
    LatentEditor latents() {
        return latentEditor;
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
    void edit(FrameFormat format, FrameBuffers anchor, FrameBuffers source, FrameBuffers target, Mix mix, List<Steady> steady)
            throws IOException {
        int shortSide = options.size() > 0 ? options.size() : model.nativeSize();
        double scale = (double) shortSide / Math.min(format.width(), format.height());
        FrameBuffers frames = anchor == null ? source : anchor.and(source.filled(options.window()));
        Input input = new Input(format, frames, anchor != null, mix, model.vae.config().pixels(format.height() * scale),
                model.vae.config().pixels(format.width() * scale));
        if (input.height < format.height()) {
            told.log(host, Host.INFO, "frames of " + format.width() + "x" + format.height() + " are edited at " + input.width + "x"
                    + input.height + ", and enlarged to their own size");
        }
        try (NDManager window = model.manager.newSubManager()) {
            List<Result> results = retried(input, window);
            host.report("decode", 0, target.count());
            for (int i = results.size() - 1; i >= 0; i--) { // backwards: the first may overwrite the source, which others still show
                paint(i, results, input, source, target, steady.get(i), window);
            }
        } catch (EngineException | OutOfMemoryError e) {
            if (!OutOfMemory.is(e)) {
                throw e;
            }
            boolean halves = model.manager.getDevice().isGpu() && model.precision == DataType.FLOAT32;
            throw OutOfMemory.error(input.size(), "lower window= or size=" + (halves ? ", or use precision=fp16" : ""), e);
        }
    }

    /** Decodes the frames of an edit, counted from 0, into its share of the targets. */
    private void paint(int edit, List<Result> results, Input input, FrameBuffers source, FrameBuffers target, Steady steady,
            NDManager window) {
        Show show = latentEditor.show(edit);
        Result result = results.get(edit);
        int n = source.count();
        int first = input.beside ? 1 : 0; // index of the window's first frame: an anchor is before it
        int decoded = (results.size() - 1 - edit) * n;
        Steady.Window steadied = steady.over(input.format, show.steady(), window, model.torch);
        for (int j = 0; j < n; j++) {
            int k = edit * n + j;
            Steady.Asked asked = new Steady.Asked(source.mask(j), input.mix.share(j));
            NDArray x = !show.showsEdit() ? null
                    : steadied.next(source.buffers()[j], source.strides()[j], asked, decoded(result.z(), first + j));
            try (NDArray heat = frame(result.heat(), first + j); NDArray changed = frame(result.changed(), first + j)) {
                show.paint(input.format, source.buffers()[j], source.strides()[j], target.buffers()[k], target.strides()[k], x, heat,
                        changed, window);
            }
            host.report("decode", decoded + j + 1, target.count());
        }
        steadied.keep();
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

    /** The window's results; after an out-of-memory error it is tried once more with recompute and sequential branches. */
    private List<Result> retried(Input input, NDManager window) throws IOException {
        try {
            return results(input, window);
        } catch (EngineException | OutOfMemoryError e) {
            if (store.isExhausted() || !OutOfMemory.is(e)) {
                throw e;
            }
            host.log(Host.WARNING, "no memory left for " + input.size() + ": once more, and from now on, with store=recompute "
                    + "and the branches one after another, which takes longer");
            store.exhausted();
        }
        return results(input, window);
    }

    /** @param window owns the results; all else is freed */
    private List<Result> results(Input input, NDManager window) throws IOException {
        Shape latents = input.latents(model.vae.config());
        ForwardContext context = ForwardContext.of(window(input.count(), input.beside, (int) latents.get(2), (int) latents.get(3)));
        boolean keeps = latentEditor.keeps(latents, context);
        try (CapturePolicy.Taken taken = store.window(); NDManager inversion = window.newSubManager()) {
            if (inversions != null) {
                return kept(input, context, keeps, inversion, window);
            }
            Trajectory trajectory = latentEditor.invert(encode(input, inversion), context, keeps, List.of());
            return edited(trajectory, input, context, keeps, window);
        }
    }

    /**
     * The results of a window whose inversion and edits are kept on disk: read from there as far as they are there, and usable.
     *
     * @param inversion owns the trajectory
     */
    private List<Result> kept(Input input, ForwardContext context, boolean keeps, NDManager inversion, NDManager window)
            throws IOException {
        TrajectoryFile file = inversions.file(input.format, input.frames, input.beside);
        String key = EditCache.key(file.key() + input.mix.name(), input.frames.masks());
        List<Result> before = edited.read(key, window, input.count());
        if (before != null) {
            return before;
        }
        Trajectory read = read(file, inversion, input.latents(model.vae.config()), keeps);
        if (read != null) {
            return edited.write(key, edited(read, input, context, false, window));
        }
        boolean isNew = !Files.exists(file.path()); // one that is there may not be read: see read()
        Trajectory trajectory = latentEditor.invert(encode(input, inversion), context, keeps, isNew ? file.words() : List.of());
        List<Result> results;
        try { // the edit is kept first: had it been stopped, it would be made in another way from a kept inversion than undisturbed
            results = edited.write(key, edited(trajectory, input, context, keeps, window));
        } catch (EngineException | OutOfMemoryError e) {
            if (isNew) {
                inversions.write(file, trajectory, options.source()); // it need not be made again with less memory
            }
            throw e;
        }
        if (isNew) {
            inversions.write(file, trajectory, options.source());
        }
        return results;
    }

    /**
     * The inversion that the file holds, for edits that recompute what else they need of the source; null without a file.
     * Where several edits share what is kept, inverting costs less than what each would recompute.
     */
    private Trajectory read(TrajectoryFile file, NDManager inversion, Shape latents, boolean keeps) {
        List<CaptureSpec> specs = latentEditor.specs(keeps);
        boolean shared = specs.size() > 1 && specs.get(0).keep();
        return shared ? null : inversions.read(file, inversion, model, latents, latentEditor.specs(false));
    }

    /**
     * The edits of an inverted window.
     *
     * @param kept as in {@link LatentEditor#edit}
     * @param window owns them
     */
    private List<Result> edited(Trajectory trajectory, Input input, ForwardContext context, boolean kept, NDManager window) {
        NDManager inversion = trajectory.zT().getManager();
        NDArray masked = input.frames.mask(input.latents(model.vae.config()), inversion, model.torch);
        List<Result> results = latentEditor.edit(trajectory.within(masked), input.mix, input.beside, context, kept);
        results.forEach(result -> result.attach(window));
        return results;
    }

    /** Clean latents {@code (frames, channels, h, w)} of the pixels. */
    private NDArray encode(Input input, NDManager inversion) {
        FrameBuffers frames = input.frames;
        try (NDManager temporary = inversion.newSubManager()) {
            NDList latents = new NDList();
            for (int i = 0; i < frames.count(); i++) {
                host.report("encode", i, frames.count());
                if (i > 0 && frames.buffers()[i] == frames.buffers()[i - 1]) { // it fills the window
                    latents.add(latents.get(i - 1));
                    continue;
                }
                try (NDArray x = input.format.read(frames.buffers()[i], frames.strides()[i], input.height, input.width, options.parity(),
                        temporary, model.torch)) {
                    latents.add(model.vae.encode(x));
                }
            }
            NDArray z0 = NDArrays.concat(latents, 0);
            z0.attach(inversion);
            return finite(z0, "the frames' latents");
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
