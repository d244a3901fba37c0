package org.fatezero.engine;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.device.Hardware;
import org.fatezero.device.Libtorch;
import org.fatezero.device.Memory;
import org.fatezero.device.OutOfMemory;
import org.fatezero.diffusion.Progress;
import org.fatezero.diffusion.Schedule;
import org.fatezero.edit.Alignment;
import org.fatezero.edit.BlendMask;
import org.fatezero.edit.CrossFusion;
import org.fatezero.edit.DdimEditing;
import org.fatezero.edit.PromptWords;
import org.fatezero.forward.AttentionHook;
import org.fatezero.forward.KeyFrames;
import org.fatezero.forward.Pass;
import org.fatezero.inversion.DdimInversion;
import org.fatezero.inversion.MaskInput;
import org.fatezero.inversion.Needs;
import org.fatezero.inversion.Reconstruction;
import org.fatezero.inversion.Trajectory;
import org.fatezero.inversion.TrajectoryFile;
import org.fatezero.model.Model;
import org.fatezero.model.Models;
import org.fatezero.options.Options;
import org.fatezero.options.Prompts;
import org.fatezero.options.Words;
import org.fatezero.tensor.NotFiniteException;
import org.fatezero.text.Prompt;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;

/**
 * One edit, or several that share their inversion, open for any number of windows: encode, invert, edit, decode.
 *
 * <p>All that can be wrong with options and files is found on opening. An engine serves one call at a time; engines of one
 * model share its weights.
 */
public final class Engine implements AutoCloseable {

    /** A frame's long side in its short ones: the short one is edited at the model's size, and the long one grows with it. */
    private static final int LONGEST = 32;

    private final Host host;
    private final List<Options> asked; // of each edit
    private final Options options;   // of the first; those that inversion depends on are the same in all
    private final Hardware hardware;
    private Model model;             // this and what is made of it are replaced once if half precision does not suffice
    private NDManager manager;       // what outlives a window: the prompts' encodings and the fusion's matrices; null if no model could be loaded
    private Schedule schedule;
    private List<Edit> edits;
    private Inversions inversions;   // null unless they are kept on disk
    private boolean sparing; // since a window had no room in memory: nothing of the source is kept, and branches run one after another
    private final Store store;

    /** @param text source, negative and edit prompt, {@code (3, tokens, width)} */
    private record Edit(Options options, NDArray text, DdimEditing.Edit how, Show show) {
    }

    /**
     * Opens an edit for a host behind JNI.
     *
     * @param options UTF-8 key, value, key, value ...
     * @param host the bridge's pointer, for {@link NativeHost}
     */
    public static Engine open(byte[][] options, long host) throws IOException {
        Map<String, String> set = new LinkedHashMap<>();
        for (int i = 0; i + 1 < options.length; i += 2) {
            set.put(new String(options[i], StandardCharsets.UTF_8), new String(options[i + 1], StandardCharsets.UTF_8));
        }
        return new Engine(set, new NativeHost(host));
    }

    /**
     * @param set the options that are set, by name ({@link Options})
     * @throws IllegalArgumentException for an option, a preset or a word that cannot be, saying what can
     * @throws IOException for a file that is missing or not what it should be, naming it
     */
    public Engine(Map<String, String> set, Host host) throws IOException {
        this.host = host;
        asked = Prompts.edits(set, host);
        options = asked.get(0);
        hardware = Hardware.of(options.device(), options.precision());
        store = new Store(options.store(), () -> Memory.free(hardware.device()), host);
        load(hardware.precision());
        try {
            keyFrames(options.window()); // finds a wrong selector now
            if (options.keys_at().endsWith("ch") && keysAt(1, 1) == 0) {
                host.log(Host.WARNING, "keys_at=" + options.keys_at() + ": no layer of model " + options.model()
                        + " is so wide, so each frame attends to itself alone; set keys_at= in cells");
            }
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
        for (Options one : asked) {
            host.log(Host.VERBOSE, "'" + one.source() + "' becomes '" + one.prompt() + "', model " + one.model()
                    + ", " + one.steps() + " steps");
        }
        host.log(Host.INFO, hardware.toString());
    }

    /** Loads the model, and makes of it what all windows need. */
    private void load(DataType precision) throws IOException {
        manager = null;
        model = Models.acquire(options.model(), options.lora(), hardware.device(), precision, host);
        manager = model.manager.newSubManager();
        try {
            schedule = new Schedule(model.scheduler, options.steps(), (int) Math.round(options.start() * options.steps()),
                    options.solver().equals("implicit"));
            Prompt source = encode("source", options.source());
            List<Edit> made = new ArrayList<>();
            for (Options one : asked) {
                Prompt target = encode("prompt", one.prompt());
                DdimEditing.Edit how = edit(one, source, target);
                made.add(new Edit(one, encodings(source, encode("negative", one.negative()), target), how,
                        Show.of(one, how, schedule.depth(), new PromptWords(model.tokenizer, one.parity(), host), source, target, model.torch)));
            }
            edits = made;
            inversions = options.inversion().isBlank() ? null : Inversions.in(options.inversion(), host, options, model,
                    source.ids(), source.pieces().size(), schedule.depth());
        } catch (IOException | RuntimeException | Error e) {
            close();
            manager = null;
            throw e;
        }
    }

    /** Frames wanted in each call of {@link #edit}; the last of a stream may bring fewer. */
    public int window() {
        return options.window();
    }

    /** How many edits each call of {@link #edit} makes. */
    public int edits() {
        return edits.size();
    }

    /** How many pictures of a frame's size lie side by side in the frames of an edit, counted from 0. */
    public int panels(int edit) {
        return edits.get(edit).show.panels();
    }

    /**
     * Edits one window of packed RGB frames. Source and target may be the same memory. Where numbers in half precision are not
     * finite the window is edited once more, and all later ones, in single precision.
     *
     * @param source direct buffers, one a frame
     * @param sourceStride bytes from row to row
     * @param target like {@code source}, one edit's frames after another's, as wide as its {@link #panels}; untouched if an edit fails before decoding
     * @param depth bits a sample, 8 or 16
     * @throws CancellationException if the host asked for it
     * @throws IllegalArgumentException for frames that are more than 32 times as long as they are wide, or not as described here
     * @throws OutOfMemoryError if the window has no room in memory, even with nothing kept of the source
     * @throws IllegalArgumentException if frames are not as above, or numbers are not finite in single precision either
     */
    public void edit(ByteBuffer[] source, int[] sourceStride, ByteBuffer[] target, int[] targetStride, int width,
            int height, int depth) throws IOException {
        Frames frames = new Frames(width, height, depth);
        int n = source.length;
        int targets = n * edits.size();
        if (n < 1 || n > options.window() || target.length != targets || sourceStride.length != n || targetStride.length != targets) {
            throw new IllegalArgumentException(n + " frames: expected 1 to " + options.window() + ", and as many targets"
                    + (edits.size() == 1 ? "" : " for each of " + edits.size() + " edits"));
        }
        if (Math.max(width, height) > (long) LONGEST * Math.min(width, height)) {
            throw new IllegalArgumentException("frames of " + width + "x" + height + ": one side may be at most " + LONGEST
                    + " times as long as the other, or the edit would need absurd amounts of memory; crop or pad them first");
        }
        for (int i = 0; i < n; i++) {
            frames.check(source[i], sourceStride[i]);
        }
        for (int i = 0; i < targets; i++) {
            frames.wide(panels(i / n)).check(target[i], targetStride[i]);
        }
        Libtorch.runWithoutOptimizer();
        if (manager == null) {
            load(DataType.FLOAT32); // which failed at the window before
        }
        try {
            editWindow(frames, source, sourceStride, target, targetStride);
        } catch (NotFiniteException e) {
            if (model.precision == DataType.FLOAT32) {
                throw notFinite(e);
            }
            host.log(Host.WARNING, e.getMessage() + " in half precision: once more, and from now on, with precision=fp32, which takes longer");
            close();
            load(DataType.FLOAT32);
            try {
                editWindow(frames, source, sourceStride, target, targetStride);
            } catch (NotFiniteException again) {
                throw notFinite(again);
            }
        }
    }

    private IllegalArgumentException notFinite(NotFiniteException e) {
        return new IllegalArgumentException(e.getMessage() + " in single precision: the weights of model=" + options.model()
                + (options.lora().isBlank() ? " are broken" : " or lora=" + options.lora() + " are broken, or its scale is too large"), e);
    }

    private void editWindow(Frames frames, ByteBuffer[] source, int[] sourceStride, ByteBuffer[] target, int[] targetStride) throws IOException {
        int n = source.length;
        int targets = target.length;
        int width = frames.width();
        int height = frames.height();
        double scale = (double) (options.size() > 0 ? options.size() : model.nativeSize()) / Math.min(width, height);
        int h = multiple(height * scale);
        int w = multiple(width * scale);
        try (NDManager window = model.manager.newSubManager()) {
            List<Made> made = made(frames, source, sourceStride, h, w, window);
            for (int i = 0; i < targets; i++) {
                report("decode", i, targets);
                int last = targets - 1 - i; // the first edit's may lie where the source does, so it comes last
                int j = last % n;
                Show show = edits.get(last / n).show;
                try (NDArray z = frame(show.showsEdit() ? made.get(last / n).z : null, j); NDArray x = z == null ? null : model.vae.decode(z);
                        NDArray seen = frame(made.get(last / n).seen, j)) {
                    requireFinite(x, "the decoded frames");
                    show.paint(frames, source[j], sourceStride[j], target[last], targetStride[last], x, seen, window);
                }
            }
            report("decode", targets, targets);
        } catch (EngineException | OutOfMemoryError e) {
            if (!OutOfMemory.is(e)) {
                throw e;
            }
            boolean halves = model.manager.getDevice().isGpu() && model.precision == DataType.FLOAT32;
            throw OutOfMemory.error(size(n, w, h), "lower window= or size=" + (halves ? ", or use precision=fp16" : ""), e);
        }
    }

    /** What becomes of the window, made once more in the least memory if there is no room for it. */
    private List<Made> made(Frames frames, ByteBuffer[] source, int[] stride, int h, int w, NDManager window) throws IOException {
        try {
            return madeOnce(frames, source, stride, h, w, window);
        } catch (EngineException | OutOfMemoryError e) {
            if (sparing || !OutOfMemory.is(e)) {
                throw e;
            }
            host.log(Host.WARNING, "no memory left for " + size(source.length, w, h) + ": once more, and from now on, with store=recompute "
                    + "and the branches one after another, which takes longer");
            sparing = true;
        }
        return madeOnce(frames, source, stride, h, w, window);
    }

    private static String size(int frames, int w, int h) {
        return frames + (frames == 1 ? " frame" : " frames") + " edited at " + w + "x" + h;
    }

    /** @param window owns what is made; all else is freed */
    private List<Made> madeOnce(Frames frames, ByteBuffer[] source, int[] stride, int h, int w, NDManager window) throws IOException {
        Shape latents = new Shape(source.length, model.unet.config().inChannels(), h / model.vae.config().factor(), w / model.vae.config().factor());
        Pass pass = pass(source.length, (int) latents.get(2), (int) latents.get(3));
        boolean keeps = !sparing && store.keeps(model.unet.config(), (int) latents.get(2), (int) latents.get(3), pass,
                model.textEncoder.config().maxPositionEmbeddings(), schedule.depth(), needs(true), model.precision);
        try (NDManager inversion = window.newSubManager()) {
            TrajectoryFile file = inversions == null ? null : inversions.file(frames, source, stride);
            Trajectory trajectory = file == null ? null : read(file, inversion, latents, keeps);
            boolean kept = keeps && trajectory == null;
            if (trajectory == null) {
                boolean isThere = file != null && Files.exists(file.path()); // and was not worth reading
                trajectory = invert(encode(frames, source, stride, h, w, inversion), pass, keeps, isThere ? null : file);
            }
            List<Made> made = edited(trajectory, pass, kept);
            for (Made one : made) {
                Stream.of(one.z, one.seen).filter(Objects::nonNull).forEach(array -> array.attach(window));
            }
            return made;
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
        List<Needs> needs = needs(keeps);
        if (needs.size() > 1 && needs.get(0).keep()) {
            return null;
        }
        return inversions.read(file, window, model, latents, needs(false));
    }

    /** What each edit needs of the source. */
    private List<Needs> needs(boolean keeps) {
        return edits.stream().map(edit -> edit.show.needs()).map(needs -> keeps ? needs : needs.recomputing()).toList();
    }

    /** Clean latents {@code (frames, channels, h, w)} of pixels. */
    private NDArray encode(Frames frames, ByteBuffer[] source, int[] stride, int h, int w, NDManager window) {
        try (NDManager temporary = window.newSubManager()) {
            NDList latents = new NDList();
            for (int i = 0; i < source.length; i++) {
                report("encode", i, source.length);
                try (NDArray x = frames.read(source[i], stride[i], h, w, options.parity(), temporary, model.torch)) {
                    latents.add(model.vae.encode(x));
                }
            }
            NDArray z0 = NDArrays.concat(latents, 0);
            z0.attach(window);
            requireFinite(z0, "the frames' latents");
            return z0;
        }
    }

    /** How the network sees a window of {@code n} frames of latents. */
    Pass pass(int n, int latentHeight, int latentWidth) {
        return new Pass(n, keyFrames(n), keysAt(latentHeight, latentWidth), options.parity(), options.norm().equals("window"), AttentionHook.PLAIN);
    }

    /**
     * @param keeps whether what edits need of the source's attention is kept
     * @param file where the inversion is to be kept, or null
     */
    Trajectory invert(NDArray z0, Pass pass, boolean keeps, TrajectoryFile file) {
        List<Needs> needs = new ArrayList<>(needs(keeps));
        if (file != null) {
            needs.addAll(Needs.ofEachWordToken(file.wordTokens(), maskCells()));
        }
        NDArray sourceText = edits.get(0).text.get(z0.getManager(), new NDIndex("0:1"));
        boolean again = options.attention().equals("reconstruction");
        Trajectory trajectory = new DdimInversion(model.unet, schedule, model.torch)
                .run(z0, sourceText, pass, again ? List.of() : needs, reporting("invert", 0, 1));
        if (again) {
            NDArray unconditional = edits.get(0).text.get(z0.getManager(), new NDIndex("1:2"));
            trajectory = new Reconstruction(model.unet, schedule, model.torch).run(trajectory.zT(), sourceText,
                    unconditional, guidance(options), pass, needs, reporting("reconstruct", 0, 1));
        }
        if (file != null) {
            inversions.write(file, trajectory, options.source());
        }
        return trajectory;
    }

    /**
     * What becomes of a window.
     *
     * @param z the edit's clean latents {@code (frames, channels, h, w)}; null where they are not needed
     * @param seen as {@link Show#seen}
     */
    record Made(NDArray z, NDArray seen) {
    }

    /**
     * Makes each edit, or what is to be shown of it.
     *
     * @param kept whether the trajectory has what was wanted of the source's attention; otherwise it is recomputed
     */
    List<Made> edited(Trajectory trajectory, Pass pass, boolean kept) {
        List<Made> made = new ArrayList<>();
        for (Edit edit : edits) {
            MaskInput ofEdit = edit.show.ofEdit(trajectory.zT().getManager(), pass.frames());
            NDArray z = null;
            if (edit.show.makesEdit()) {
                z = new DdimEditing(model.unet, schedule, model.torch).run(trajectory, edit.text, pass,
                        sparing ? edit.how.sparing() : kept ? edit.how : edit.how.recomputing(), ofEdit, reporting("edit", made.size(), edits.size()));
            }
            made.add(new Made(z, edit.show.seen(trajectory, ofEdit)));
        }
        return made;
    }

    /** What an edit, counted from 0, is, as UTF-8 key, value, key, value ...: for its frames' metadata. */
    public byte[][] metadata(int edit) {
        Options options = edits.get(edit).options;
        return Stream.of("preset", options.preset(), "prompt", options.prompt(), "source", options.source(),
                "model", options.model(), "steps", Integer.toString(options.steps()))
                .map(text -> text.getBytes(StandardCharsets.UTF_8)).toArray(byte[][]::new);
    }

    @Override
    public void close() {
        if (manager != null && manager.isOpen()) {
            manager.close();
            Models.release(model);
        }
    }

    private Prompt encode(String option, String prompt) {
        Prompt encoded = model.tokenizer.encode(prompt, model.textEncoder.config().maxPositionEmbeddings());
        if (!encoded.cut().isEmpty()) {
            host.log(Host.WARNING, option + " is too long for the text encoder, which does not see: " + encoded.unseen());
        }
        return encoded;
    }

    private NDArray encodings(Prompt... prompts) {
        NDList encodings = new NDList();
        for (Prompt prompt : prompts) {
            encodings.add(model.textEncoder.forward(manager, prompt.ids()));
        }
        return NDArrays.concat(encodings, 0);
    }

    private DdimEditing.Edit edit(Options options, Prompt source, Prompt target) {
        PromptWords words = new PromptWords(model.tokenizer, options.parity(), host);
        int steps = options.steps();
        Alignment alignment = !options.control().equals("replace") ? Alignment.refine(source, target)
                : options.parity() ? Alignment.replaceAsPublished(source, target) : Alignment.replace(source, target);
        CrossFusion cross = new CrossFusion(manager, model.torch, alignment, words.emphasis(options.emphasize(), target),
                words.gates(options.cross_replace(), target), steps);
        Words.Share self = Words.Share.parse("self_replace", options.self_replace());
        boolean blends = !options.blend().isBlank();
        Words.Share latents = Words.latents(options.blend_latents());
        if (latents != null && !blends) {
            throw new IllegalArgumentException("blend_latents=" + options.blend_latents() + " needs blend=, the words that the edit is confined to");
        }
        if (blends && !options.blend_attention() && latents == null) {
            throw new IllegalArgumentException("blend=" + options.blend() + " with blend_attention=0 and blend_latents=0 confines "
                    + "nothing; leave blend= out, or set one of them to 1");
        }
        BlendMask mask = blends ? new BlendMask(model.torch, options.threshold(), options.blend().startsWith(Words.NOT)) : null;
        Needs needs = new Needs(steps - (int) (self.to() * steps), steps - (int) (self.from() * steps),
                steps - cross.activeSteps(), options.fuse_at(), !options.store().equals("recompute"),
                blends ? words.sourceBlend(options.blend(), source) : new int[0],
                maskCells());
        return new DdimEditing.Edit(guidance(options), needs, cross, options.blend_attention() && needs.masks() ? mask : null,
                latents != null ? mask : null, latents != null ? latents.from() : 1, latents != null ? latents.to() : 1,
                latents != null ? words.targetBlend(options.blend(), target) : new int[0], options.parity(), false);
    }

    private double guidance(Options options) {
        return options.guidance() == 0 ? model.guidance : options.guidance();
    }

    /** Cells of a blend mask's short side, at least: a quarter of the latent's, or what is enough for it not to be coarse. */
    private int maskCells() {
        return options.parity() ? 1 : Needs.MASK_CELLS;
    }

    private KeyFrames keyFrames(int frames) {
        return KeyFrames.of(options.keys(), frames);
    }

    /** The side, in cells, of the largest maps that see other frames. */
    private int keysAt(int latentHeight, int latentWidth) {
        String at = options.keys_at();
        return at.endsWith("ch") ? model.unet.config().cells(Integer.parseInt(at.replace("ch", "")), latentHeight, latentWidth, options.parity())
                : Integer.parseInt(at);
    }

    private int multiple(double pixels) {
        int unit = model.pixelMultiple();
        return Math.max(1, (int) Math.round(pixels / unit)) * unit;
    }

    /** The steps of part {@code part} of {@code parts} of a phase. */
    private Progress reporting(String phase, int part, int parts) {
        return (step, steps) -> report(phase, part * steps + step, parts * steps);
    }

    private void report(String phase, int step, int steps) {
        if (!host.step(phase, step, steps)) {
            throw new CancellationException("cancelled by the host in phase " + phase + ", step " + step + " of " + steps);
        }
    }

    /** What the VAE gave, which works in single precision at all times. */
    private void requireFinite(NDArray x, String what) {
        if (x != null && !model.torch.allFinite(x)) {
            throw new IllegalArgumentException(what + " are not finite: the VAE's weights in model=" + options.model() + " are broken");
        }
    }
}
