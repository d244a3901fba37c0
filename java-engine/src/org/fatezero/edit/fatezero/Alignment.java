package org.fatezero.edit.fatezero;

import org.fatezero.text.Prompt;

import java.util.Arrays;
import java.util.List;

/**
 * How the columns of the source's cross-attention maps become those of the edit: {@code R(c_src, c_edit) = c_src matrix +
 * c_edit * newTokens}, both of Prompt-to-Prompt's ways in one form.
 *
 * @param matrix {@code (source tokens, target tokens)}
 * @param newTokens per target token, the share of the edit's own column
 */
public record Alignment(float[][] matrix, float[] newTokens) {

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
        float[] newTokens = new float[length];
        for (int j = 0; j < length; j++) {
            int i = j < m ? partner[j] : j; // padding keeps its place
            if (i < 0) {
                newTokens[j] = 1;
            } else {
                matrix[i][j] = 1;
            }
        }
        return new Alignment(matrix, newTokens);
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
     * @throws IllegalArgumentException unless both prompts have the same number of words
     */
    public static Alignment replace(Prompt source, Prompt target) {
        List<int[]> from = source.wordTokens();
        List<int[]> to = target.wordTokens();
        requireSameLength(source, target, from.size(), to.size());
        int length = source.ids().length;
        float[][] matrix = new float[length][length];
        matrix[0][0] = 1;
        int targetEnd = 1;
        for (int word = 0; word < from.size(); word++) {
            int[] targets = to.get(word);
            join(matrix, from.get(word), targets);
            targetEnd = targets[targets.length - 1] + 1;
        }
        // the end token and the padding keep their place
        for (int j = targetEnd; j < length; j++) {
            matrix[j][j] = 1;
        }
        return new Alignment(matrix, new float[length]);
    }

    /**
     * <em>Replace</em> as the authors' code computes it: words are what single spaces separate, and tokens after the last word
     * that differs keep their place even if they moved.
     */
    public static Alignment replaceAsPublished(Prompt source, Prompt target) {
        List<int[]> from = source.spacedTokens();
        List<int[]> to = target.spacedTokens();
        requireSameLength(source, target, from.size(), to.size());
        int length = source.ids().length;
        float[][] matrix = new float[length][length];
        int i = 0;
        int j = 0;
        for (int word = 0; word < from.size(); word++) {
            int[] sources = from.get(word);
            int[] targets = to.get(word);
            if (source.spaced().get(word).equals(target.spaced().get(word)) || sources.length == 0 || targets.length == 0) {
                continue;
            }
            while (i < sources[0] && j < length) {
                matrix[i++][j++] = 1;
            }
            join(matrix, sources, targets);
            i += sources.length;
            j += targets.length;
        }
        for (; Math.max(i, j) < length; i++, j++) {
            matrix[j][j] = 1;
        }
        return new Alignment(matrix, new float[length]);
    }

    private static void requireSameLength(Prompt source, Prompt target, int from, int to) {
        if (from != to) {
            throw new IllegalArgumentException("control=replace needs prompts of the same number of words; the source '"
                    + source.text() + "' has " + from + ", the target '" + target.text() + "' has " + to + "; use control=refine");
        }
    }

    /** The columns of a word's pieces go to those of another's, spread evenly when their numbers differ. */
    private static void join(float[][] matrix, int[] sources, int[] targets) {
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
    }
}
