package org.fatezero.edit.region;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.inversion.TokenSet;
import org.fatezero.tensor.Torch;

import java.util.List;

/**
 * Keeps the words that each region's become to that region: elsewhere the attention to them is weaker by {@code share}, and that to all
 * other tokens stronger by as much.
 *
 * @param share 0 to 1
 */
public record Confinement(Torch torch, double share) {

    /**
     * @param map {@code (1, heads, frames * positions, tokens)}
     * @param regions one at least has words that are confined
     * @param masks of the regions, {@code (frames, 1, h, w)}
     * @return a map whose rows have the sums of those of {@code map}
     */
    public NDArray confined(NDArray map, Regions regions, List<NDArray> masks) {
        NDManager manager = map.getManager();
        NDArray factors = null; // (frames * positions, tokens)
        for (int j = 0; j < masks.size(); j++) {
            TokenSet confined = regions.all().get(j).confined();
            if (confined != null) {
                float[] words = new float[(int) map.getShape().get(3)];
                confined.tokens().forEach(token -> words[token] = (float) share);
                NDArray outside = masks.get(j).neg().add(1).reshape(-1, 1);
                NDArray factor = outside.mul(manager.create(words, new Shape(1, words.length))).neg().add(1);
                factors = factors == null ? factor : factors.mul(factor);
            }
        }
        NDArray weaker = map.mul(torch.copyTo(factors, map));
        int[] tokens = {3};
        return weaker.mul(map.sum(tokens, true).div(weaker.sum(tokens, true)));
    }
}
