package org.fatezero.show;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.edit.plan.EditPlan;
import org.fatezero.edit.plan.PromptWords;
import org.fatezero.edit.region.BlendMask;
import org.fatezero.edit.region.Region;
import org.fatezero.edit.region.Regions;
import org.fatezero.inversion.AttentionStore;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.inversion.TokenAttention;
import org.fatezero.inversion.TokenSet;
import org.fatezero.inversion.Trajectory;
import org.fatezero.options.Options;
import org.fatezero.options.words.Words;
import org.fatezero.tensor.Pictures;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.text.Prompt;
import org.fatezero.video.FrameFormat;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/**
 * What the frames that come back show: pictures of a frame's size, side by side. A mask or a heat map lies over the source.
 */
public final class Show {

    /** What one of the pictures is. */
    private enum Panel { SOURCE, EDIT, MASK, HEAT }

    /** The tints of the regions' masks in turn, red, green and blue from -1 to 1. */
    private static final float[][] TINTS = {{-1f, 0.6f, 1f}, {1f, 0.2f, -0.8f}, {0.9f, -0.8f, 0.9f}, {0.1f, 1f, -0.8f}};
    private static final double TINTED = 0.35;  // their opacity
    private static final double LEFT_OUT = 0.4; // brightness of the picture outside of all masks

    private static final double SAME = 1e-4; // difference of latents below which nothing has changed them

    private final Torch torch;
    private final List<Panel> panels;
    private final Regions regions;
    private final CaptureSpec captured; // by the inversion
    private final TokenSet editTokens;  // tokens of the prompt whose attention is shown; null if they are the source's
    private final double steady;
    private final double detail;
    private final boolean blendsPixels; // where there may be something to blend

    private Show(Torch torch, Options options, List<Panel> panels, Regions regions, CaptureSpec captured, TokenSet editTokens) {
        this.torch = torch;
        steady = options.steady();
        detail = options.detail();
        blendsPixels = options.blend_pixels() && (!options.blend().isBlank() || options.mask() || options.depth() == 0);
        this.panels = panels;
        this.regions = regions;
        this.captured = captured;
        this.editTokens = editTokens;
    }

    /**
     * @param options with {@code show}: {@code edit}, {@code mask}, {@code compare}, or {@code attention=word} with a word of the
     *     source or else of the prompt
     * @param plan of the edit that is shown
     * @param depth levels that inversion climbs
     * @throws IllegalArgumentException for the mask of an edit that has none, or a word that is in neither prompt
     */
    public static Show of(Options options, EditPlan plan, int depth, PromptWords words, Prompt source, Prompt target, Torch torch) {
        Regions regions = plan.regions();
        boolean masked = (!regions.ofSource().isEmpty() || options.mask()) && depth > 0;
        CaptureSpec captured = plan.method().source();
        return switch (options.show()) {
            case "edit" -> new Show(torch, options, List.of(Panel.EDIT), regions, captured, null);
            case "compare" -> new Show(torch, options, List.of(Panel.SOURCE, Panel.EDIT, Panel.MASK).subList(0, panels(options)), regions,
                    captured, null);
            case "mask" -> {
                if (!masked) {
                    throw new IllegalArgumentException("show=mask: this edit has no mask; " + (depth == 0 ? "it starts from no noise"
                            : "confine it with blend=, words of the source '" + source.text() + "'") + ", or use show=compare");
                }
                yield new Show(torch, options, List.of(Panel.MASK), regions, captured.recomputing(), null);
            }
            default -> {
                if (depth == 0) {
                    throw new IllegalArgumentException("show=" + options.show() + ": an edit that starts from no noise attends to nothing");
                }
                yield attention(options, captured, regions, words, source, target, torch);
            }
        };
    }

    private static Show attention(Options options, CaptureSpec captured, Regions regions, PromptWords words, Prompt source, Prompt target,
            Torch torch) {
        String show = options.show();
        String word = show.substring("attention".length() + 1).strip();
        boolean inSource = words.has(word, source);
        if (!inSource && !words.has(word, target)) {
            throw new IllegalArgumentException("show=" + show + ": '" + word + "' is neither in the source '" + source.text()
                    + "' nor in the prompt '" + target.text() + "'");
        }
        if (!inSource && !options.prompt2().isBlank()) {
            throw new IllegalArgumentException("show=" + show + ": beside prompt2= only words of the source can be shown, '"
                    + source.text() + "'");
        }
        int[] tokens = words.tokens("show", Words.split(word), inSource ? source : target);
        TokenSet shown = TokenSet.of(tokens, EditPlan.maskCells(options));
        return new Show(torch, options, List.of(Panel.HEAT), regions, inSource ? captured.withTokens(shown) : captured,
                inSource ? null : shown);
    }

    /** How many pictures lie side by side, which the options alone tell. */
    public static int panels(Options options) {
        if (!options.show().equals("compare")) {
            return 1;
        }
        return options.blend().isBlank() && !options.mask() || options.depth() == 0 ? 2 : 3;
    }

    /** What the inversion captures. */
    public CaptureSpec captured() {
        return captured;
    }

    /** Whether the edit must be made; for all else the inversion suffices. */
    public boolean makesEdit() {
        return panels.contains(Panel.EDIT) || editTokens != null;
    }

    /** Whether edited latents must be decoded. */
    public boolean showsEdit() {
        return panels.contains(Panel.EDIT);
    }

    /** How far each frame is drawn to the one before it, 0 to 1. */
    public double steady() {
        return steady;
    }

    /**
     * Where an edit has changed the source's latents, and the cells around, whose pixels such a cell reaches the most:
     * {@code (frames, 1, h, w)} of 0 and 1. Null where it has changed all, or the source's pixels are not wanted back.
     *
     * @param z the edit's clean latents, or null
     */
    public NDArray changed(Trajectory source, NDArray z) {
        if (!blendsPixels || !showsEdit() || z == null) {
            return null;
        }
        try (Scope scope = new Scope(z)) {
            NDArray changed = z.sub(source.latents().get(0)).abs().max(new int[] {1}, true).gt(SAME).toType(DataType.FLOAT32, false);
            return changed.min().getFloat() == 1 ? null : scope.keep(torch.maxPool3(changed));
        }
    }

    /** What gathers the attention of the edit itself; null where none is shown. */
    public TokenAttention ofEdit(NDManager window, int frames) {
        return editTokens == null ? null : new TokenAttention(window, torch, editTokens, frames);
    }

    /**
     * The masks of the edit's regions, {@code (frames, regions, h, w)} of 0 to 1, or the attention to some words,
     * {@code (frames, 1, h, w)}: the mean over the steps at which the source's self-attention is fused, or over all if it never is.
     * Masks are those of the source's words alone; attention is what {@code threshold} is compared with. Null where neither is shown.
     *
     * @param ofEdit what {@link #ofEdit} has gathered
     */
    public NDArray heat(Trajectory trajectory, TokenAttention ofEdit) {
        boolean masks = panels.contains(Panel.MASK);
        if (!masks && !panels.contains(Panel.HEAT)) {
            return null;
        }
        NDManager window = trajectory.zT().getManager();
        if (ofEdit != null) {
            return attention(window, ofEdit);
        }
        if (masks && captured.tokens().isEmpty()) { // the user's alone, or none: parity=1 lets blend name no word
            return trajectory.mask() != null ? trajectory.mask().duplicate()
                    : window.zeros(new Shape(trajectory.zT().getShape().get(0), 1, 1, 1));
        }
        List<AttentionStore> all = trajectory.attention();
        List<AttentionStore> fused = IntStream.range(0, all.size()).filter(captured.use()::inSelfAttention).mapToObj(all::get).toList();
        List<AttentionStore> steps = fused.isEmpty() ? all : fused;
        try (Scope scope = new Scope(window)) {
            NDArray sum = null;
            for (AttentionStore step : steps) {
                NDArray one = masks ? masks(scope.manager(), step, trajectory.mask())
                        : attention(scope.manager(), step.tokens(captured.tokens().get(0)));
                sum = sum == null ? one : sum.add(one);
            }
            return scope.keep(sum.div(steps.size()));
        }
    }

    /** Of one step, at the resolution that they are made at; the region of all that the others leave is not among them. */
    private NDArray masks(NDManager to, AttentionStore step, NDArray drawn) {
        Shape shape = BlendMask.sum(step.tokens(captured.tokens().get(0))).getShape();
        List<NDArray> masks = regions.within(drawn, regions.masks(to, step::tokens, edit -> null, (int) shape.get(2), (int) shape.get(3)));
        return NDArrays.concat(new NDList(regions.named(masks)), 1);
    }

    private NDArray attention(NDManager to, TokenAttention attention) {
        BlendMask mask = regions.all().stream().map(Region::mask).filter(Objects::nonNull).findFirst().orElse(new BlendMask(torch, 1));
        return mask.attention(to, attention);
    }

    /**
     * Paints one frame.
     *
     * @param frames the source's size
     * @param edited the edit as decoded, {@code (1, 3, h, w)}; null if {@link #showsEdit} is false
     * @param heat of this frame, {@code (1, regions, h, w)} or {@code (1, 1, h, w)}, or null
     * @param changed where the edit differs from the source, {@code (1, 1, h, w)} of 0 and 1; elsewhere it is given the source's own
     *     pixels. Null for everywhere
     * @param target its rows hold all panels; the first may lie where the source does
     */
    public void paint(FrameFormat frames, ByteBuffer source, int sourceStride, ByteBuffer target, int targetStride, NDArray edited,
            NDArray heat, NDArray changed, NDManager window) {
        try (NDManager frame = window.newSubManager()) {
            boolean enlarges = detail > 0 && edited != null && edited.getShape().get(2) < frames.height();
            NDArray original = panels.size() == 1 && heat == null && changed == null && !enlarges ? null
                    : frames.read(source, sourceStride, frames.height(), frames.width(), false, frame, torch);
            for (int i = 0; i < panels.size(); i++) {
                NDArray x = switch (panels.get(i)) {
                    case SOURCE -> original;
                    case EDIT -> original == null ? edited : blended(original, edited, changed, enlarges ? detail : 0);
                    case MASK -> tinted(original, sized(heat, frames, frame));
                    case HEAT -> heated(original, sized(heat, frames, frame));
                };
                frames.write(x, frames.panel(target, i), targetStride, torch);
            }
        }
    }

    /** The edit in the frame's own size, and outside of it the frame itself. */
    private NDArray blended(NDArray source, NDArray edited, NDArray changed, double detail) {
        NDManager frame = source.getManager();
        int h = (int) source.getShape().get(2);
        int w = (int) source.getShape().get(3);
        NDArray x = torch.copyTo(frame, edited, source);
        NDArray sized = detail > 0 ? Pictures.enlarged(torch, x, source, detail) : torch.resize(x, h, w);
        return changed == null ? sized : torch.lerp(source, sized, torch.resizeBilinear(torch.copyTo(frame, changed, source), h, w));
    }

    private NDArray sized(NDArray heat, FrameFormat frames, NDManager frame) {
        NDArray typed = torch.copyTo(frame, heat, frame.create(0f)); // (1, 1, h, w), single precision
        return torch.nearest(typed, frames.height(), frames.width());
    }

    /** The source {@code (1, 3, h, w)}, tinted where the masks {@code (1, regions, h, w)} are and darker elsewhere. */
    private NDArray tinted(NDArray source, NDArray masks) {
        NDArray painted = source.add(1).mul(LEFT_OUT).sub(1);
        for (int j = 0; j < masks.getShape().get(1); j++) {
            NDArray tint = source.getManager().create(TINTS[j % TINTS.length], new Shape(1, 3, 1, 1));
            NDArray mask = masks.get(new NDIndex().addAllDim().addSliceDim(j, j + 1));
            painted = torch.lerp(painted, source.mul(1 - TINTED).add(tint.mul(TINTED)), mask);
        }
        return painted;
    }

    /** The source's brightness under the colours of the heat. */
    private NDArray heated(NDArray source, NDArray heat) {
        NDArray grey = source.mean(new int[] {1}, true); // (1, 1, h, w)
        return grey.mul(0.35).add(Heat.colours(heat).mul(0.65));
    }
}
