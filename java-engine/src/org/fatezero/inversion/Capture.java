package org.fatezero.inversion;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;

import org.fatezero.forward.AttentionHook;
import org.fatezero.forward.Pass;
import org.fatezero.forward.Site;
import org.fatezero.tensor.Torch;
import org.fatezero.unet.UNet;

import java.nio.IntBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What one step of the source keeps of its attention, site by site.
 *
 * <p>A self-attention map {@code softmax(Q K^T / sqrt(d))} is only ever applied to other values, so its queries and keys
 * serve in its place and the map is never built. Cross-attention maps are small and kept as they are. For the blend mask
 * the cross maps at its resolution are reduced at once to one number a position.
 */
public final class Capture implements AttentionHook {

    /** Queries {@code (1, frames * positions, heads, d)} and keys {@code (1, keyFrames * positions, heads, d)}. */
    public record QueriesAndKeys(NDArray queries, NDArray keys) {
    }

    private final NDManager owner;
    private final Torch torch;
    private final List<Needs> needs;
    private final int k;
    private final Map<String, QueriesAndKeys> self = new HashMap<>();
    private final Map<String, NDArray> cross = new HashMap<>();
    private final Map<IntBuffer, MaskInput> maskInputs = new HashMap<>(); // by their tokens

    /**
     * @param owner the manager that what is kept belongs to
     * @param needs those of each edit
     * @param k the step, as in {@link org.fatezero.diffusion.Schedule}
     */
    public Capture(NDManager owner, Torch torch, List<Needs> needs, int frames, int k) {
        this.owner = owner;
        this.torch = torch;
        this.needs = needs;
        this.k = k;
        for (Needs edit : needs) {
            if (edit.masks()) {
                maskInputs.put(IntBuffer.wrap(edit.maskTokens()), new MaskInput(owner, torch, edit.maskTokens(), edit.maskCells(), frames));
            }
        }
    }

    /** One that kept nothing but what masks are made from. */
    Capture(Map<Needs, MaskInput> maskInputs) {
        this(null, null, List.of(), 0, 0);
        maskInputs.forEach((edit, input) -> this.maskInputs.put(IntBuffer.wrap(edit.maskTokens()), input));
    }

    /**
     * Bytes of the queries, keys and maps that all steps keep for edits of these needs. Masks add some kilobytes a step.
     *
     * @param h rows of the latents, {@code w} their columns
     * @param tokens of a text
     * @param steps 0 to {@code steps - 1} are inverted
     */
    public static long bytes(UNet.Config unet, int h, int w, Pass pass, int tokens, int steps, List<Needs> needs, DataType precision) {
        long numbers = 0;
        for (UNet.AttentionLayer layer : unet.attentionLayers(h, w, pass.byArea())) {
            Site site = layer.site();
            long aPosition = site.cross() ? (long) pass.frames() * unet.heads() * tokens
                    : (long) (pass.frames() + pass.keyFrames(site)) * layer.width();
            for (int k = 0; k < steps; k++) {
                numbers += keeps(needs, site, k) ? site.positions() * aPosition : 0;
            }
        }
        return numbers * precision.getNumOfBytes();
    }

    private static boolean keeps(List<Needs> needs, Site site, int k) {
        return needs.stream().anyMatch(edit -> edit.keep() && edit.fuses(site, k));
    }

    @Override
    public NDArray attend(Site site, NDArray q, NDArray k, NDArray v, Kernel kernel) {
        boolean keeps = keeps(needs, site, this.k);
        List<MaskInput> masks = maskInputs.values().stream().filter(input -> input.reads(site)).toList();
        if (!site.cross()) {
            NDArray out = kernel.apply(q, k, v);
            if (keeps) {
                self.put(site.name(), new QueriesAndKeys(owned(q), owned(k)));
            }
            return out;
        }
        if (!keeps && masks.isEmpty()) {
            return kernel.apply(q, k, v);
        }
        NDArray map = torch.attentionMap(q, k); // (1, heads, frames * positions, tokens)
        NDArray out = torch.applyMap(map, v);
        masks.forEach(input -> input.add(site, map));
        if (keeps) {
            cross.put(site.name(), owned(map));
        }
        return out;
    }

    private NDArray owned(NDArray kept) {
        kept.attach(owner);
        return kept;
    }

    /** The source's queries and keys at a self-attention site. */
    public QueriesAndKeys self(Site site) {
        return self.get(site.name());
    }

    /** The source's map at a cross-attention site, {@code (1, heads, frames * positions, tokens)}. */
    public NDArray cross(Site site) {
        return cross.get(site.name());
    }

    /** What the blend mask of this step is made from, for the edit of these needs; null unless it has blend words. */
    public MaskInput maskInput(Needs edit) {
        return maskInputs.get(IntBuffer.wrap(edit.maskTokens()));
    }
}
