package org.fatezero.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;

/**
 * A tokenized prompt. Token 0 is the start token, the pieces follow, end tokens fill the rest.
 *
 * @param text as the user wrote it
 * @param ids all tokens, 77 for Stable Diffusion
 * @param pieces the tokenizer's pieces that are in {@code ids}, from index 1; a piece that ends a word ends with {@code </w>}
 * @param cut the pieces that did not fit
 */
public record Prompt(String text, int[] ids, List<String> pieces, List<String> cut) {

    private static final String END_OF_WORD = "</w>";

    /** The indices in {@code ids} of each word, in order: pieces up to one that ends a word. */
    public List<int[]> wordTokens() {
        List<int[]> words = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < pieces.size(); i++) {
            if (pieces.get(i).endsWith(END_OF_WORD) || i == pieces.size() - 1) {
                int first = start;
                int[] tokens = new int[i + 1 - start];
                Arrays.setAll(tokens, j -> 1 + first + j);
                words.add(tokens);
                start = i + 1;
            }
        }
        return words;
    }

    /** The words, as far as their pieces are readable. */
    public List<String> words() {
        return wordTokens().stream().map(tokens -> {
            StringBuilder word = new StringBuilder();
            for (int token : tokens) {
                word.append(pieces.get(token - 1));
            }
            return word.toString().replace(END_OF_WORD, "");
        }).toList();
    }

    /**
     * Where {@code phrase} occurs, by the tokenizer's own pieces.
     *
     * @param phrase one word or several
     * @return the indices in {@code ids} of all its occurrences, ascending
     * @throws IllegalArgumentException if the prompt does not have it, listing the words it has
     */
    public int[] find(String phrase, Tokenizer tokenizer) {
        List<String> wanted = Arrays.asList(tokenizer.pieces(phrase));
        TreeSet<Integer> found = new TreeSet<>(); // places may overlap
        for (int i = 0; !wanted.isEmpty() && i + wanted.size() <= pieces.size(); i++) {
            if (pieces.subList(i, i + wanted.size()).equals(wanted)) {
                for (int j = 0; j < wanted.size(); j++) {
                    found.add(1 + i + j);
                }
            }
        }
        if (found.isEmpty()) {
            throw new IllegalArgumentException("the word '" + phrase + "' is not in the prompt '" + text + "'; its words are: "
                    + String.join(" ", words()));
        }
        return found.stream().mapToInt(Integer::intValue).toArray();
    }
}
