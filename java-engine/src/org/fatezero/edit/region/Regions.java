package org.fatezero.edit.region;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.fatezero.inversion.TokenAttention;
import org.fatezero.inversion.TokenSet;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The regions of an edit, which share the frames among them: a position is in one of them at most, that whose words look there most. */
public record Regions(Torch torch, List<Region> all) {

    /** An edit of all of the frames. */
    public static Regions none(Torch torch) {
        return new Regions(torch, List.of());
    }

    public boolean isEmpty() {
        return all.isEmpty();
    }

    /** What masks are made of in the source. */
    public List<TokenSet> ofSource() {
        return all.stream().map(Region::source).filter(Objects::nonNull).distinct().toList();
    }

    /** And in the edit. */
    public List<TokenSet> ofEdit() {
        return all.stream().map(Region::edit).filter(Objects::nonNull).distinct().toList();
    }

    /**
     * The mask of each region, {@code (frames, 1, h, w)}.
     *
     * @param to owns them
     * @param attention to tokens of the source, and of the edit; null for what has not been seen
     */
    public List<NDArray> masks(NDManager to, Function<TokenSet, TokenAttention> source, Function<TokenSet, TokenAttention> edit,
            int h, int w) {
        List<NDArray> shares = all.stream().map(region -> region.isRest() ? null : region.mask().share(to,
                Stream.of(seen(source, region.source()), seen(edit, region.edit())).filter(Objects::nonNull).toList(), h, w)).toList();
        List<NDArray> masks = new ArrayList<>();
        for (int j = 0; j < all.size(); j++) {
            masks.add(all.get(j).isRest() ? null : mask(shares, j));
        }
        for (int j = 0; j < all.size(); j++) {
            if (all.get(j).isRest()) {
                masks.set(j, masks.stream().filter(Objects::nonNull).reduce(NDArray::add).orElseThrow().neg().add(1));
            }
        }
        return masks;
    }

    /**
     * The masks, the first of them within one that the user has drawn. What that leaves of it is in no region.
     *
     * @param drawn {@code (frames, 1, H, W)} of 0 to 1, at least as large as the masks are; null for none
     */
    public List<NDArray> within(NDArray drawn, List<NDArray> masks) {
        if (drawn == null || masks.isEmpty()) {
            return masks;
        }
        List<NDArray> within = new ArrayList<>(masks);
        NDArray first = masks.get(0);
        try (Scope scope = new Scope(first, drawn)) {
            within.set(0, scope.keep(first.mul(torch.area(drawn, (int) first.getShape().get(2), (int) first.getShape().get(3)))));
        }
        return within;
    }

    /** The masks of the regions that words name: of all but the one that the others leave. */
    public NDArray[] named(List<NDArray> masks) {
        return IntStream.range(0, all.size()).filter(j -> !all.get(j).isRest()).mapToObj(masks::get).toArray(NDArray[]::new);
    }

    private static TokenAttention seen(Function<TokenSet, TokenAttention> attention, TokenSet tokens) {
        return tokens == null ? null : attention.apply(tokens);
    }

    /** Of two regions a position is in that whose share is more times its threshold; in the first of them if it is as many. */
    private NDArray mask(List<NDArray> shares, int j) {
        NDArray mask = all.get(j).mask().of(shares.get(j));
        for (int i = 0; i < shares.size(); i++) {
            if (i != j && !all.get(i).isRest()) {
                NDArray mine = shares.get(j).mul(weight(all.get(i)));
                NDArray others = shares.get(i).mul(weight(all.get(j)));
                mask = mask.mul((i < j ? mine.gt(others) : mine.gte(others)).toType(mask.getDataType(), false));
            }
        }
        return mask;
    }

    /** Its threshold, by which shares are compared; also where it is 0, as strength=1 makes it. */
    private static double weight(Region region) {
        return Math.max(region.mask().threshold(), 1e-6);
    }

    /** Where any region is, or those that {@code which} holds for; null for nowhere. */
    public NDArray union(List<NDArray> masks, Predicate<Region> which) {
        NDArray union = null;
        for (int j = 0; j < masks.size(); j++) {
            if (which.test(all.get(j))) {
                union = union == null ? masks.get(j) : union.add(masks.get(j));
            }
        }
        return union;
    }

    /**
     * Where self-attention stays the edit's own in step {@code k}: regions that do not take the source's, and what is outside if that
     * does not.
     */
    public NDArray free(List<NDArray> masks, int k, StepRange outside) {
        if (outside.contains(k)) {
            NDArray free = union(masks, region -> !region.self().contains(k));
            return free == null ? masks.get(0).zerosLike() : free;
        }
        NDArray taken = union(masks, region -> region.self().contains(k));
        return taken == null ? masks.get(0).onesLike() : taken.neg().add(1);
    }
}
