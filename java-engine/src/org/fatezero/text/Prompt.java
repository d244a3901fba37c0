package org.fatezero.text;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.stream.IntStream;

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

    /** Words that the vocabulary has in pieces alone: a model with a small vocabulary of its own was hardly shown them. */
    public List<String> rare() {
        List<int[]> tokens = wordTokens();
        List<String> words = words();
        return IntStream.range(0, words.size()).filter(i -> tokens.get(i).length > 1).mapToObj(words::get).toList();
    }

    /** What of the text did not fit; empty if all of it did. */
    public String unseen() {
        return String.join("", cut).replace(END_OF_WORD, " ").strip();
    }

    /** What single spaces separate in the text: the words of the authors' code. */
    public List<String> spaced() {
        return List.of(text.split(" ", -1));
    }

    /**
     * The indices in {@code ids} of each of {@link #spaced}: pieces are dealt to the words in order, by their lengths in
     * characters ({@code get_word_inds} of the authors' code).
     */
    public List<int[]> spacedTokens() {
        List<String> words = spaced();
        List<List<Integer>> dealt = words.stream().<List<Integer>>map(word -> new ArrayList<>()).toList();
        int word = 0;
        int length = 0;
        for (int i = 0; i < pieces.size() && word < words.size(); i++) {
            length += characters(pieces.get(i));
            dealt.get(word).add(1 + i);
            if (length >= words.get(word).codePointCount(0, words.get(word).length())) {
                word++;
                length = 0;
            }
        }
        return dealt.stream().map(tokens -> tokens.stream().mapToInt(Integer::intValue).toArray()).toList();
    }

    /** The length of what a piece of byte-level characters stands for; number signs at its ends are not counted. */
    private static int characters(String piece) {
        String spelled = piece.endsWith(END_OF_WORD) ? piece.substring(0, piece.length() - END_OF_WORD.length()) : piece;
        byte[] bytes = new byte[spelled.length()];
        for (int i = 0; i < bytes.length; i++) {
            int c = spelled.charAt(i) - 256; // bytes that are no visible character are spelled from 256 on, in order
            bytes[i] = (byte) byteOf(c);
        }
        String text = new String(bytes, StandardCharsets.UTF_8).replaceAll("^#+|#+$", "");
        return text.codePointCount(0, text.length());
    }

    /** The byte that a character of byte-level pieces spells; {@code c} counts from 256. */
    private static int byteOf(int c) {
        if (c < 0) {
            return c + 256; // a visible character, which spells itself
        }
        if (c < 33) {
            return c;
        }
        return c < 67 ? 127 + c - 33 : 173;
    }

    /**
     * Where {@code phrase} occurs, by {@link #spaced} words.
     *
     * @param phrase one word or several
     * @return the indices in {@code ids} of all its occurrences, ascending; none if {@link #spacedTokens} deals it none, as it does
     *     to last words after two blanks in a row
     * @throws IllegalArgumentException if the prompt does not have it, listing the words it has
     */
    public int[] findSpaced(String phrase) {
        return indices(isSpaced(phrase), spacedPlaces(phrase), phrase, spaced());
    }

    /** Whether {@code phrase} is among the {@link #spaced} words, with tokens or without. */
    public boolean isSpaced(String phrase) {
        return Collections.indexOfSubList(spaced(), List.of(phrase.split(" ", -1))) >= 0;
    }

    /** Whether {@code phrase} has tokens by {@link #spaced} words. */
    public boolean hasSpaced(String phrase) {
        return !spacedPlaces(phrase).isEmpty();
    }

    private TreeSet<Integer> spacedPlaces(String phrase) {
        List<String> wanted = List.of(phrase.split(" ", -1));
        List<String> words = spaced();
        List<int[]> tokens = spacedTokens();
        TreeSet<Integer> found = new TreeSet<>(); // places may overlap
        for (int i = 0; i + wanted.size() <= words.size(); i++) {
            if (words.subList(i, i + wanted.size()).equals(wanted)) {
                tokens.subList(i, i + wanted.size()).forEach(word -> Arrays.stream(word).forEach(found::add));
            }
        }
        return found;
    }

    /**
     * Where {@code phrase} occurs, by the tokenizer's own pieces.
     *
     * @param phrase one word or several
     * @return the indices in {@code ids} of all its occurrences, ascending
     * @throws IllegalArgumentException if the prompt does not have it, listing the words it has
     */
    public int[] find(String phrase, Tokenizer tokenizer) {
        TreeSet<Integer> found = places(phrase, tokenizer, pieces);
        if (found.isEmpty() && cuts(phrase, tokenizer)) {
            throw new IllegalArgumentException("the word '" + phrase + "' comes after the " + pieces.size()
                    + " tokens that the text encoder sees of the prompt '" + text + "'; shorten it");
        }
        return indices(!found.isEmpty(), found, phrase, words());
    }

    /** Whether {@code phrase} only occurs where the text encoder does not see it. */
    public boolean cuts(String phrase, Tokenizer tokenizer) {
        List<String> all = Stream.concat(pieces.stream(), cut.stream()).toList();
        return !cut.isEmpty() && !has(phrase, tokenizer) && !places(phrase, tokenizer, all).isEmpty();
    }

    /** Whether {@code phrase} occurs, by the tokenizer's own pieces. */
    public boolean has(String phrase, Tokenizer tokenizer) {
        return !places(phrase, tokenizer, pieces).isEmpty();
    }

    private static TreeSet<Integer> places(String phrase, Tokenizer tokenizer, List<String> pieces) {
        List<String> wanted = Arrays.asList(tokenizer.pieces(phrase));
        TreeSet<Integer> found = new TreeSet<>(); // places may overlap
        for (int i = 0; !wanted.isEmpty() && i + wanted.size() <= pieces.size(); i++) {
            if (pieces.subList(i, i + wanted.size()).equals(wanted)) {
                for (int j = 0; j < wanted.size(); j++) {
                    found.add(1 + i + j);
                }
            }
        }
        return found;
    }

    private int[] indices(boolean there, TreeSet<Integer> found, String phrase, List<String> words) {
        if (!there) {
            throw new IllegalArgumentException("the word '" + phrase + "' is not in '" + text + "'; its words are: "
                    + String.join(" ", words));
        }
        return found.stream().mapToInt(Integer::intValue).toArray();
    }
}
