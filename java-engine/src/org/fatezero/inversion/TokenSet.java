package org.fatezero.inversion;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Tokens of a prompt whose cross-attention is summed up, and the resolution of the maps that it is taken from.
 *
 * @param leastCells cells that the short side of the maps has at least; {@link #AS_PUBLISHED} takes the maps that the authors' code takes
 */
public record TokenSet(List<Integer> tokens, int leastCells) {

    /** The resolution of the blend mask at 512x512. */
    public static final int MASK_CELLS = 16;

    /** A quarter of the latent's resolution, whatever that is. */
    public static final int AS_PUBLISHED = 1;

    public static TokenSet of(int[] tokens, int leastCells) {
        return new TokenSet(Arrays.stream(tokens).boxed().toList(), leastCells);
    }

    /** One set for each of a prompt's first word tokens: the attention to any words is a sum of theirs. */
    public static List<TokenSet> ofEachWordToken(int tokens, int leastCells) {
        return IntStream.rangeClosed(1, tokens).mapToObj(token -> new TokenSet(List.of(token), leastCells)).toList();
    }

    int[] array() {
        return tokens.stream().mapToInt(Integer::intValue).toArray();
    }
}
