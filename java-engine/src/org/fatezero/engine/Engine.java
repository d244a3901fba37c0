package org.fatezero.engine;

import ai.djl.ndarray.types.DataType;

import org.fatezero.device.Hardware;
import org.fatezero.device.Libtorch;
import org.fatezero.device.Memory;
import org.fatezero.edit.Mix;
import org.fatezero.edit.plan.EditPlan;
import org.fatezero.forward.Window;
import org.fatezero.io.Log;
import org.fatezero.io.Once;
import org.fatezero.io.UserTexts;
import org.fatezero.options.OptionResolver;
import org.fatezero.options.Options;
import org.fatezero.options.Unrecognised;
import org.fatezero.options.words.Captions;
import org.fatezero.options.words.Readings;
import org.fatezero.show.Show;
import org.fatezero.show.Steady;
import org.fatezero.tensor.NotFiniteException;
import org.fatezero.video.FrameBuffers;
import org.fatezero.video.FrameFormat;
import org.fatezero.video.Mask;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * One edit, or several that share their inversion, open for any number of windows.
 *
 * <p>All that can be wrong with options and files is found on opening, but for a captioner and for words of a caption, which the
 * first window of a shot brings. An engine serves one call at a time; engines of one model share its weights.
 */
public final class Engine implements AutoCloseable {

    /** The highest aspect ratio: the short side is edited at the model's size, so a longer frame would need very much memory. */
    private static final int LONGEST = 32;

    private final Host host;
    private final Map<String, String> set;
    private final UserTexts texts = new UserTexts(); // of the files that these name
    private final boolean describes; // each shot is described by the engine itself
    private final boolean looks;     // what a shot shows matters to its edits
    private String planned;          // the caption that the edits are planned for; null without one
    private List<Options> asked;     // of each edit
    private Options options;         // of the first
    private final Hardware hardware;
    private final CapturePolicy store;
    private final Shot shot;     // that the windows are of
    private final List<String> prompts; // of each edit, as it was asked for
    private final List<Steady> steady;  // likewise
    private final Once told;
    private WindowEditor editor; // replaced once if half precision does not suffice; null if the model could not be loaded again
    private final int[] panels;  // of each edit
    private Mix mix = Mix.NONE;  // of the frames of the next call

    /**
     * Opens an edit for a host behind JNI.
     *
     * @param options UTF-8 key, value, key, value ...
     * @param host the bridge's pointer, for {@link NativeHost}
     */
    public static Engine open(byte[][] options, long host) throws IOException {
        return new Engine(NativeHost.options(options), new NativeHost(host));
    }

    /** Goes on with other options, as {@link #Engine(Engine, Map, Host)}, for a host behind JNI; in the form of {@link #open}. */
    public Engine change(byte[][] options, long host) throws IOException {
        return new Engine(this, NativeHost.options(options), new NativeHost(host));
    }

    /**
     * @param set the options that are set, by name ({@link Options})
     * @throws IllegalArgumentException for an option, a preset or a word that cannot be, saying what can
     * @throws IOException for a file that is missing or not what it should be, naming it
     */
    public Engine(Map<String, String> set, Host host) throws IOException {
        this(null, set, host);
    }

    /**
     * An engine for the windows after those of another: of the same shot, with other options. The anchor stays, and is edited by the
     * new options as well. Both engines are there until each is closed, but only one may edit at a time.
     *
     * @param before whose windows come before this one's; it is left as it is. Null for none
     * @param set all options, whether they change or not
     * @throws IllegalArgumentException also for options that stay as they are as long as the film runs:
     *     {@link OptionResolver#requireSameFilm}
     */
    public Engine(Engine before, Map<String, String> set, Host host) throws IOException {
        this.host = host;
        this.set = Map.copyOf(set);
        asked = OptionResolver.edits(set, texts, host);
        options = asked.get(0);
        describes = options.source().equals(Options.AUTO);
        looks = describes || asked.stream().anyMatch(one -> Unrecognised.concerns(one, set));
        planned = describes ? null : options.source();
        prompts = asked.stream().map(one -> String.join("\n", one.prompt(), one.prompt2(), one.source(), one.from(), one.to())).toList();
        steady = before != null && prompts.equals(before.prompts) ? before.steady : asked.stream().map(one -> new Steady()).toList();
        panels = asked.stream().mapToInt(Show::panels).toArray();
        if (before == null) {
            hardware = Hardware.of(options.device(), options.precision());
            shot = new Shot(options.anchor());
            told = new Once();
        } else {
            OptionResolver.requireSameFilm(before.options, options);
            if (!Arrays.equals(panels, before.panels)) {
                throw new IllegalArgumentException("show=" + options.show() + ": the size of the frames cannot change as the film runs");
            }
            hardware = before.hardware;
            shot = before.shot;
            told = before.told;
        }
        store = new CapturePolicy(options.store(), hardware.device(), shot, () -> Memory.free(hardware.device()), host);
        if (before != null && before.store.isExhausted()) {
            store.exhausted();
        }
        DataType precision = before == null || before.editor == null ? hardware.precision() : before.editor.precision();
        editor = new WindowEditor(asked, hardware.device(), precision, store, host, told);
        try {
            Window window = editor.window(options.window(), false, 1, 1); // reports a wrong selector now rather than at the first window
            if (options.keys_at().endsWith("ch") && window.keysAt() == 0) {
                host.log(Host.WARNING, "keys_at=" + options.keys_at() + ": no layer of model " + options.model()
                        + " is so wide, so each frame attends to itself alone; set keys_at= in cells");
            }
            if (looks && shot.caption() != null) {
                plan();
            }
        } catch (IOException | RuntimeException | Error e) {
            close();
            throw e;
        }
        if (!describes) {
            Describer.tell(asked, editor, host, told);
        }
        if (before == null) {
            host.log(Host.INFO, hardware.toString());
        }
    }

    /** Frames wanted in each call of {@link #edit}; the last of a stream may bring fewer. */
    public int window() {
        return options.window();
    }

    /** How many edits each call of {@link #edit} makes. */
    public int edits() {
        return asked.size();
    }

    /** How many pictures of a frame's size lie side by side in the frames of an edit, counted from 0. */
    public int panels(int edit) {
        return panels[edit];
    }

    /** What happens to a window. */
    WindowEditor editor() {
        return editor;
    }

    /** The next window begins a shot: it has nothing to do with those before it. So does the first, and one of another size. */
    public void beginShot() {
        steady.forEach(Steady::begin);
        shot.begin();
    }

    /**
     * The next window begins a shot, or goes on with one that another engine began: its frames attend to this anchor.
     *
     * @param anchor a direct buffer, which is copied; a packed RGB frame as those of {@link #edit}
     */
    public void beginShot(ByteBuffer anchor, int stride, int width, int height, int depth) {
        FrameFormat format = new FrameFormat(width, height, depth);
        format.check(anchor, stride);
        steady.forEach(Steady::begin);
        shot.begin(anchor, stride, format);
    }

    /**
     * How far the frames of the next call of {@link #edit} have moved from {@code prompt} to {@code prompt2}; without this they have not.
     *
     * @param shares one a frame, 0 to 1
     * @throws IllegalArgumentException for a share that is not, and if no edit has a {@code prompt2}
     */
    public void mix(double... shares) {
        for (double share : shares) {
            if (!(share >= 0 && share <= 1)) {
                throw new IllegalArgumentException("mix=" + share + ": expected 0 to 1");
            }
        }
        Mix next = new Mix(shares.clone());
        if (!next.isAll(0) && asked.stream().allMatch(one -> one.prompt2().isBlank())) {
            throw new IllegalArgumentException("mix needs prompt2=, what the frames move to");
        }
        mix = next;
    }

    /** Edits one window without masks. */
    public void edit(ByteBuffer[] source, int[] sourceStride, ByteBuffer[] target, int[] targetStride, int width,
            int height, int depth) throws IOException {
        edit(source, sourceStride, null, null, null, target, targetStride, width, height, depth);
    }

    /**
     * Edits one window of packed RGB frames. Source and target may be the same memory. Where numbers in half precision are not
     * finite the window is edited once more, and all later ones, in single precision.
     *
     * @param source direct buffers, one a frame
     * @param sourceStride bytes from row to row
     * @param mask with {@code mask=1} direct buffers of gray, 8 bits a sample, one a frame: nothing changes where they are 0;
     *     otherwise null
     * @param maskStride likewise
     * @param maskSize width and height of each
     * @param target like {@code source}, one edit's frames after another's, as wide as its {@link #panels}; untouched if an edit
     *     fails before decoding
     * @param depth bits a sample, 8 or 16
     * @throws CancellationException if the host asked for it
     * @throws OutOfMemoryError if the window has no room in memory, even with nothing kept of the source
     * @throws IllegalArgumentException for frames that are not as above or have an aspect ratio of more than 32, and for numbers that are
     *     not finite in single precision either
     */
    public void edit(ByteBuffer[] source, int[] sourceStride, ByteBuffer[] mask, int[] maskStride, int[] maskSize, ByteBuffer[] target,
            int[] targetStride, int width, int height, int depth) throws IOException {
        Mix shares = mix;
        mix = Mix.NONE; // of this call, whatever comes of it
        FrameFormat frames = new FrameFormat(width, height, depth);
        int n = source.length;
        int targets = n * edits();
        if (n < 1 || n > options.window() || target.length != targets || sourceStride.length != n || targetStride.length != targets) {
            throw new IllegalArgumentException(n + " frames: expected 1 to " + options.window() + ", and as many targets"
                    + (edits() == 1 ? "" : " for each of " + edits() + " edits"));
        }
        if (Math.max(width, height) > (long) LONGEST * Math.min(width, height)) {
            throw new IllegalArgumentException("frames of " + width + "x" + height + ": one side may be at most " + LONGEST
                    + " times as long as the other, or the edit would need absurd amounts of memory; crop or pad them first");
        }
        List<Mask> masks = masks(n, mask, maskStride, maskSize);
        for (int i = 0; i < n; i++) {
            frames.check(source[i], sourceStride[i]);
        }
        for (int i = 0; i < targets; i++) {
            frames.wide(panels[i / n]).check(target[i], targetStride[i]);
        }
        if (shares.shares().length != 0 && shares.shares().length != n) {
            throw new IllegalArgumentException(n + " frames, but " + shares.shares().length + " shares of mix");
        }
        Libtorch.runWithoutOptimizer();
        FrameBuffers from = new FrameBuffers(source, sourceStride, masks);
        FrameBuffers to = new FrameBuffers(target, targetStride);
        FrameBuffers beside = shot.enter(frames, from, shares.isBetween()); // an anchor does not move to prompt2
        FrameBuffers anchor = EditPlan.seesAnchor(options) ? beside : null;
        if (editor == null) { // it could not be loaded for the window before
            editor = inSinglePrecision();
        }
        if (looks && shot.caption() == null) {
            shot.describe(describes ? describer().caption(shot.picture()) : describer().ownCaption(shot.picture(), told));
        }
        if (looks) {
            plan();
        }
        try {
            editor.edit(frames, anchor, from, to, shares, steady);
        } catch (NotFiniteException e) {
            if (editor.precision() == DataType.FLOAT32) {
                throw notFinite(e);
            }
            host.log(Host.WARNING, e.getMessage()
                    + " in half precision: once more, and from now on, with precision=fp32, which takes longer");
            editor.close();
            editor = null;
            editor = inSinglePrecision();
            try {
                editor.edit(frames, anchor, from, to, shares, steady);
            } catch (NotFiniteException again) {
                throw notFinite(again);
            }
        }
    }

    private List<Mask> masks(int n, ByteBuffer[] mask, int[] stride, int[] size) {
        if (mask == null ? options.mask() : !options.mask() || mask.length != n || stride.length != n || size.length != 2 * n) {
            throw new IllegalArgumentException("mask=" + (options.mask() ? 1 : 0) + " and " + (mask == null ? 0 : mask.length)
                    + " masks: expected " + (options.mask() ? "one for each of " + n + " frames" : "none without mask=1"));
        }
        return mask == null ? null
                : IntStream.range(0, n).mapToObj(i -> Mask.of(mask[i], stride[i], size[2 * i], size[2 * i + 1])).toList();
    }

    private Describer describer() {
        return new Describer(options.captioner(), options.model(), host);
    }

    /** Plans the edits for what the shot shows, unless they are. */
    private void plan() throws IOException {
        boolean recognised = !shot.caption().equals(Captions.NOTHING_KNOWN);
        String caption = describes || !recognised ? shot.caption() : options.source();
        if (caption.equals(planned)) {
            return;
        }
        Log log = (level, message) -> { }; // told on opening
        Readings.Judge judge = captions -> describer().judged(shot.picture(), captions);
        List<Options> plan = describes ? OptionResolver.described(set, texts, caption, judge, log) : OptionResolver.edits(set, texts, log);
        List<Options> next = recognised ? plan : plan.stream().map(one -> Unrecognised.held(one, set)).toList();
        WindowEditor nextEditor = new WindowEditor(next, hardware.device(), editor.precision(), store, host, told);
        editor.close();
        editor = nextEditor;
        asked = next;
        options = asked.get(0);
        planned = caption;
        if (describes && !options.source().equals(caption)) {
            host.log(Host.INFO, "source: " + options.source() + ", in the words of from=" + set.get("from"));
        }
        if (describes) {
            Describer.tell(asked, editor, host, told);
        }
    }

    private WindowEditor inSinglePrecision() throws IOException {
        return new WindowEditor(asked, hardware.device(), DataType.FLOAT32, store, host, told);
    }

    private IllegalArgumentException notFinite(NotFiniteException e) {
        return new IllegalArgumentException(e.getMessage() + " in single precision: the weights of model=" + options.model()
                + (options.lora().isBlank() ? " are broken" : " or lora=" + options.lora() + " are broken, or its scale is too large"), e);
    }

    /** What an edit, counted from 0, is, as UTF-8 key, value, key, value ...: for its frames' metadata. */
    public byte[][] metadata(int edit) {
        Options options = asked.get(edit);
        return Stream.of("preset", options.preset(), "prompt", options.prompt(), "source", options.source(),
                "model", options.model(), "steps", Integer.toString(options.steps()))
                .map(text -> text.getBytes(StandardCharsets.UTF_8)).toArray(byte[][]::new);
    }

    @Override
    public void close() {
        store.close();
        if (editor != null) {
            editor.close();
        }
    }
}
