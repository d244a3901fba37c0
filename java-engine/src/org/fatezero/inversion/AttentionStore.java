package org.fatezero.inversion;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;

import org.fatezero.forward.ForwardHook;
import org.fatezero.forward.Site;
import org.fatezero.forward.Window;
import org.fatezero.tensor.Torch;
import org.fatezero.unet.UNetConfig;

import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * What one step of the source keeps, layer by layer.
 *
 * <p>A self-attention map {@code softmax(Q K^T / sqrt(d))} is only ever applied to other values, so its queries and keys
 * serve in its place and the map is never built. Cross-attention maps are small and kept as they are. For masks
 * the cross maps at their resolution are reduced at once to one number a position.
 */
public final class AttentionStore implements ForwardHook {

    private final NDManager owner;
    private final Torch torch;
    private final List<CaptureSpec> specs;
    private final int k;
    private final boolean halves;
    private final Map<String, Map<Kept, NDArray>> kept = new HashMap<>(); // by the layer's name
    private final Map<TokenSet, TokenAttention> tokens = new HashMap<>();

    /**
     * @param owner the manager that what is kept belongs to
     * @param specs those of each edit
     * @param k the step, as in {@link org.fatezero.diffusion.Schedule}
     */
    public AttentionStore(NDManager owner, Torch torch, List<CaptureSpec> specs, int frames, int k) {
        this.owner = owner;
        this.torch = torch;
        this.specs = specs;
        this.k = k;
        halves = specs.stream().anyMatch(CaptureSpec::halves);
        for (CaptureSpec spec : specs) {
            for (TokenSet set : spec.tokens()) {
                tokens.put(set, new TokenAttention(owner, torch, set, frames));
            }
        }
    }

    /** A store of nothing but sums for masks. */
    AttentionStore(Map<TokenSet, TokenAttention> sums) {
        this(null, null, List.of(), 0, 0);
        tokens.putAll(sums);
    }

    /**
     * Bytes of what all steps keep of attention layers and residual blocks for edits of these specifications. Sums for masks add some
     * kilobytes a step.
     *
     * @param h rows of the latents, {@code w} their columns
     * @param textTokens tokens of a text
     * @param steps 0 to {@code steps - 1} are inverted
     */
    public static long bytes(UNetConfig unet, int h, int w, Window window, int textTokens, int steps, List<CaptureSpec> specs,
            DataType precision) {
        long numbers = 0;
        for (UNetConfig.AttentionLayer layer : unet.attentionLayers(h, w, window.byArea())) {
            Site site = layer.site();
            for (int k = 0; k < steps; k++) {
                for (Kept array : kept(specs, site, k)) {
                    numbers += site.positions() * switch (array) {
                        case QUERIES -> (long) window.frames() * layer.width();
                        case KEYS, VALUES -> (long) window.keyFrames(site) * layer.width();
                        case MAP -> (long) window.frames() * unet.heads() * textTokens;
                        case FEATURES -> throw new IllegalStateException("an attention layer has no features");
                    };
                }
            }
        }
        for (UNetConfig.ResidualBlock block : unet.residualBlocks(h, w)) {
            long kept = IntStream.range(0, steps).filter(k -> keepsFeatures(specs, block.name(), k)).count();
            numbers += kept * window.frames() * block.channels() * block.height() * block.width();
        }
        boolean halves = specs.stream().anyMatch(CaptureSpec::halves);
        return numbers * Math.min(precision.getNumOfBytes(), (halves ? DataType.FLOAT16 : precision).getNumOfBytes());
    }

    private static boolean keepsFeatures(List<CaptureSpec> specs, String block, int k) {
        return specs.stream().anyMatch(spec -> spec.keep() && spec.use().ofFeatures(block, k));
    }

    private static Set<Kept> kept(List<CaptureSpec> specs, Site site, int k) {
        Set<Kept> arrays = EnumSet.noneOf(Kept.class);
        for (CaptureSpec spec : specs) {
            if (spec.keep()) {
                arrays.addAll(spec.use().of(site, k));
            }
        }
        return arrays;
    }

    @Override
    public NDArray attend(Site site, NDArray q, NDArray k, NDArray v, Kernel kernel) {
        Set<Kept> arrays = kept(specs, site, this.k);
        List<TokenAttention> sums = tokens.values().stream().filter(attention -> attention.reads(site)).toList();
        NDArray out;
        if (arrays.contains(Kept.MAP) || !sums.isEmpty()) {
            NDArray map = torch.attentionMap(q, k); // (1, heads, frames * positions, tokens)
            out = torch.applyMap(map, v);
            sums.forEach(attention -> attention.add(site, map));
            keep(arrays, Kept.MAP, site.name(), map);
        } else {
            out = kernel.apply(q, k, v);
        }
        keep(arrays, Kept.QUERIES, site.name(), q);
        keep(arrays, Kept.KEYS, site.name(), k);
        keep(arrays, Kept.VALUES, site.name(), v);
        return out;
    }

    @Override
    public boolean watches(String block) {
        return keepsFeatures(specs, block, k);
    }

    @Override
    public NDArray feature(String block, NDArray h) {
        if (keepsFeatures(specs, block, k)) {
            keep(Set.of(Kept.FEATURES), Kept.FEATURES, block, h.duplicate()); // the block goes on in h
        }
        return h;
    }

    private void keep(Set<Kept> arrays, Kept which, String layer, NDArray array) {
        if (arrays.contains(which)) {
            NDArray stored = halves ? torch.halved(owner, array) : array;
            stored.attach(owner);
            kept.computeIfAbsent(layer, name -> new EnumMap<>(Kept.class)).put(which, stored);
        }
    }

    /**
     * What was kept of a layer or a residual block, in the precision of {@code like}; a copy belongs to its manager.
     *
     * @param layer its name in the checkpoint
     */
    public NDArray get(String layer, Kept which, NDArray like) {
        NDArray stored = get(layer, which);
        return halves ? torch.copyTo(like.getManager(), stored, like) : stored;
    }

    /**
     * The same as it is stored.
     *
     * @param layer its name in the checkpoint
     * @return null if it was not kept
     */
    public NDArray get(String layer, Kept which) {
        return kept.getOrDefault(layer, Map.of()).get(which);
    }

    /** The attention to some tokens in this step; null if no edit wanted it. */
    public TokenAttention tokens(TokenSet set) {
        return tokens.get(set);
    }
}
