package org.fatezero.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.edit.BlendMask;
import org.fatezero.edit.DdimEditing;
import org.fatezero.edit.PromptWords;
import org.fatezero.inversion.Capture;
import org.fatezero.inversion.MaskInput;
import org.fatezero.inversion.Needs;
import org.fatezero.inversion.Trajectory;
import org.fatezero.options.Options;
import org.fatezero.options.Words;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.text.Prompt;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * What the frames that come back show: pictures of a frame's size, side by side. A mask or a heat map lies over the source.
 */
final class Show {

    /** What one of the pictures is. */
    private enum Panel { SOURCE, EDIT, MASK, HEAT }

    /** What a mask is tinted with, red, green and blue from -1 to 1, and how much; what it leaves out is darkened. */
    private static final float[] TINT = {-1f, 0.6f, 1f};
    private static final double TINTED = 0.35;
    private static final double LEFT_OUT = 0.4;

    private final Torch torch;
    private final List<Panel> panels;
    private final BlendMask mask;
    private final Needs needs;       // of the inversion
    private final int[] editTokens;  // tokens of the prompt whose attention is shown; none if they are the source's

    private Show(Torch torch, List<Panel> panels, BlendMask mask, Needs needs, int[] editTokens) {
        this.torch = torch;
        this.panels = panels;
        this.mask = mask;
        this.needs = needs;
        this.editTokens = editTokens;
    }

    /**
     * @param options with {@code show}: {@code edit}, {@code mask}, {@code compare}, or {@code attention=word} with a word of the
     *     source or else of the prompt
     * @param edit what is shown of
     * @param depth levels that inversion climbs
     * @throws IllegalArgumentException for a mask that the edit has not, or a word that neither prompt has
     */
    static Show of(Options options, DdimEditing.Edit edit, int depth, PromptWords words, Prompt source, Prompt target, Torch torch) {
        BlendMask mask = Stream.of(edit.mask(), edit.latentMask()).filter(Objects::nonNull).findFirst()
                .orElse(new BlendMask(torch, options.threshold()));
        boolean masked = edit.needs().masks() && depth > 0;
        return switch (options.show()) {
            case "edit" -> new Show(torch, List.of(Panel.EDIT), mask, edit.needs(), new int[0]);
            case "compare" -> new Show(torch, masked ? List.of(Panel.SOURCE, Panel.EDIT, Panel.MASK) : List.of(Panel.SOURCE, Panel.EDIT),
                    mask, edit.needs(), new int[0]);
            case "mask" -> {
                if (!masked) {
                    throw new IllegalArgumentException("show=mask: this edit has no mask; " + (depth == 0 ? "it starts from no noise"
                            : "confine it with blend=, words of the source '" + source.text() + "'") + ", or use show=compare");
                }
                yield new Show(torch, List.of(Panel.MASK), mask, edit.needs().recomputing(), new int[0]);
            }
            default -> {
                if (depth == 0) {
                    throw new IllegalArgumentException("show=" + options.show() + ": an edit that starts from no noise attends to nothing");
                }
                yield attention(options.show(), edit.needs(), mask, words, source, target, torch);
            }
        };
    }

    private static Show attention(String show, Needs needs, BlendMask mask, PromptWords words, Prompt source, Prompt target, Torch torch) {
        String word = show.substring("attention".length() + 1).strip();
        List<Panel> heat = List.of(Panel.HEAT);
        if (words.has(word, source)) {
            return new Show(torch, heat, mask, needs.ofTokens(words.tokens("show", Words.split(word), source)), new int[0]);
        }
        if (words.has(word, target)) {
            return new Show(torch, heat, mask, needs, words.tokens("show", Words.split(word), target));
        }
        throw new IllegalArgumentException("show=" + show + ": '" + word + "' is neither in the source '" + source.text()
                + "' nor in the prompt '" + target.text() + "'");
    }

    /** How many pictures lie side by side. */
    int panels() {
        return panels.size();
    }

    /** What inversion must keep. */
    Needs needs() {
        return needs;
    }

    /** Whether the edit must be made; for all else the inversion suffices. */
    boolean makesEdit() {
        return panels.contains(Panel.EDIT) || editTokens.length > 0;
    }

    /** Whether edited latents must be decoded. */
    boolean showsEdit() {
        return panels.contains(Panel.EDIT);
    }

    /** What gathers the attention of the edit itself; null where none is shown. */
    MaskInput ofEdit(NDManager window, int frames) {
        return editTokens.length == 0 ? null : new MaskInput(window, torch, editTokens, needs.maskCells(), frames);
    }

    /**
     * The mask or the attention, {@code (frames, 1, h, w)} of 0 to 1: the mean over the steps at which the source's self-attention
     * is fused, or over all if it never is. Attention is what {@code threshold} is compared with. Null where neither is shown.
     *
     * @param ofEdit what {@link #ofEdit} has gathered
     */
    NDArray seen(Trajectory trajectory, MaskInput ofEdit) {
        if (!panels.contains(Panel.MASK) && !panels.contains(Panel.HEAT)) {
            return null;
        }
        NDManager window = trajectory.zT().getManager();
        if (ofEdit != null) {
            return mask.attention(window, ofEdit);
        }
        int depth = trajectory.captures().size();
        int from = Math.min(needs.selfFrom(), depth);
        int to = Math.min(needs.selfTo(), depth);
        List<Capture> captures = from < to ? trajectory.captures().subList(from, to) : trajectory.captures();
        try (Scope scope = new Scope(window)) {
            NDArray sum = null;
            for (Capture capture : captures) {
                MaskInput input = capture.maskInput(needs);
                NDArray one = panels.contains(Panel.HEAT) ? mask.attention(scope.manager(), input) : mask.at(scope.manager(), input);
                sum = sum == null ? one : sum.add(one);
            }
            return scope.keep(sum.div(captures.size()));
        }
    }

    /**
     * Paints one frame.
     *
     * @param frames the source's size
     * @param edited the edit as decoded, {@code (1, 3, h, w)}; null if {@link #showsEdit} is false
     * @param seen of this frame, {@code (1, 1, h, w)}, or null
     * @param target its rows hold all panels; the first may lie where the source does
     */
    void paint(Frames frames, ByteBuffer source, int sourceStride, ByteBuffer target, int targetStride, NDArray edited, NDArray seen,
            NDManager window) {
        try (NDManager frame = window.newSubManager()) {
            NDArray original = panels.size() == 1 && seen == null ? null
                    : frames.read(source, sourceStride, frames.height(), frames.width(), false, frame, torch);
            for (int i = 0; i < panels.size(); i++) {
                NDArray x = switch (panels.get(i)) {
                    case SOURCE -> original;
                    case EDIT -> edited;
                    case MASK -> tinted(original, sized(seen, frames, frame));
                    case HEAT -> heated(original, sized(seen, frames, frame));
                };
                frames.write(x, frames.panel(target, i), targetStride, torch);
            }
        }
    }

    private NDArray sized(NDArray seen, Frames frames, NDManager frame) {
        NDArray typed = torch.copyTo(frame, seen, frame.create(0f)); // (1, 1, h, w), single precision
        return torch.nearest(typed, frames.height(), frames.width());
    }

    /** The source {@code (1, 3, h, w)}, tinted where the mask is and darker elsewhere. */
    private NDArray tinted(NDArray source, NDArray mask) {
        NDArray tint = source.getManager().create(TINT, new Shape(1, 3, 1, 1));
        NDArray inside = source.mul(1 - TINTED).add(tint.mul(TINTED));
        NDArray outside = source.add(1).mul(LEFT_OUT).sub(1);
        return torch.lerp(outside, inside, mask);
    }

    /** The source's brightness under the colours of the heat. */
    private NDArray heated(NDArray source, NDArray heat) {
        NDArray grey = source.mean(new int[] {1}, true); // (1, 1, h, w)
        return grey.mul(0.35).add(Heat.colours(heat).mul(0.65));
    }
}
