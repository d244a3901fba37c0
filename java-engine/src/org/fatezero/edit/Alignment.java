package org.fatezero.edit;

import org.fatezero.text.Prompt;

import java.util.Arrays;
import java.util.List;

/**
 * How the columns of the source's cross-attention maps become those of the edit: {@code R(c_src, c_edit) = c_src matrix +
 * c_edit * own}, both of Prompt-to-Prompt's ways in one form.
 *
 * @param matrix {@code (source tokens, target tokens)}
 * @param own per target token, the share of the edit's own column
 */
public record Alignment(float[][] matrix, float[] own) {

    private static final int GAP = 0;
    private static final int MATCH = 1;
    private static final int MISMATCH = -1;

    /**
     * <em>Refine</em>: the two token lists are aligned globally (Needleman-Wunsch; gap 0, match 1, mismatch -1). A target
     * token with a partner takes the partner's column, a new one keeps its own.
     */
    public static Alignment refine(Prompt source, Prompt target) {
        int length = source.ids().length;
        int n = source.pieces().size() + 2; // with the start and the end token
        int m = target.pieces().size() + 2;
        int[] partner = align(Arrays.copyOf(source.ids(), n), Arrays.copyOf(target.ids(), m));
        float[][] matrix = new float[length][length];
        float[] own = new float[length];
        for (int j = 0; j < length; j++) {
            int i = j < m ? partner[j] : j; // padding keeps its place
            if (i < 0) {
                own[j] = 1;
            } else {
                matrix[i][j] = 1;
            }
        }
        return new Alignment(matrix, own);
    }

    /** For each token of {@code y} its partner in {@code x}, or -1. Ties prefer a gap in {@code x}, then one in {@code y}. */
    private static int[] align(int[] x, int[] y) {
        int[][] score = new int[x.length + 1][y.length + 1];
        for (int i = 1; i <= x.length; i++) {
            for (int j = 1; j <= y.length; j++) {
                int pair = score[i - 1][j - 1] + (x[i - 1] == y[j - 1] ? MATCH : MISMATCH);
                score[i][j] = Math.max(Math.max(score[i][j - 1] + GAP, score[i - 1][j] + GAP), pair);
            }
        }
        int[] partner = new int[y.length];
        int i = x.length;
        int j = y.length;
        while (j > 0) {
            if (i == 0 || score[i][j] == score[i][j - 1] + GAP) {
                partner[--j] = -1;
            } else if (score[i][j] == score[i - 1][j] + GAP) {
                i--;
            } else {
                partner[--j] = --i;
            }
        }
        return partner;
    }

    /**
     * <em>Replace</em>: word by word; where the words differ, the pieces of the source's word go to those of the target's,
     * spread evenly when their numbers differ.
     *
     * @param asPublished whether tokens after the last word that differs keep their place, as in the published code, even
     *     if they moved; otherwise they take their own word's column
     * @throws IllegalArgumentException unless both prompts have the same number of words
     */
    public static Alignment replace(Prompt source, Prompt target, boolean asPublished) {
        List<int[]> from = source.wordTokens();
        List<int[]> to = target.wordTokens();
        if (from.size() != to.size()) {
            throw new IllegalArgumentException("control=replace needs prompts of the same number of words; the source '"
                    + source.text() + "' has " + from.size() + ", the target '" + target.text() + "' has " + to.size()
                    + "; use control=refine");
        }
        int length = source.ids().length;
        float[][] matrix = new float[length][length];
        matrix[0][0] = 1;
        int targetEnd = 1;
        for (int word = 0; word < from.size(); word++) {
            int[] sources = from.get(word);
            int[] targets = to.get(word);
            boolean oneToOne = sources.length == targets.length;
            for (int a = 0; a < sources.length; a++) {
                for (int b = 0; b < targets.length; b++) {
                    if (!oneToOne) {
                        matrix[sources[a]][targets[b]] = 1f / targets.length;
                    } else if (a == b) {
                        matrix[sources[a]][targets[b]] = 1;
                    }
                }
            }
            targetEnd = targets[targets.length - 1] + 1;
        }
        // the end token and the padding keep their place
        for (int j = targetEnd; j < length; j++) {
            matrix[j][j] = 1;
        }
        return new Alignment(asPublished ? shifted(source, target, matrix) : matrix, new float[length]);
    }

    /** {@code matrix} with the identity from the end of the last differing word on. */
    private static float[][] shifted(Prompt source, Prompt target, float[][] matrix) {
        List<String> from = source.words();
        List<String> to = target.words();
        int last = from.size() - 1;
        while (last >= 0 && from.get(last).equals(to.get(last))) {
            last--;
        }
        if (last < 0) {
            return matrix;
        }
        int[] sources = source.wordTokens().get(last);
        int[] targets = target.wordTokens().get(last);
        int i = sources[sources.length - 1] + 1;
        int j = targets[targets.length - 1] + 1;
        float[][] published = new float[matrix.length][matrix.length];
        for (int row = 0; row < matrix.length; row++) {
            System.arraycopy(matrix[row], 0, published[row], 0, j);
        }
        for (int n = 0; Math.max(i, j) + n < matrix.length; n++) {
            published[j + n][j + n] = 1;
        }
        return published;
    }
}
