package org.fatezero.options;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Captions that were found, and the words in which a user speaks of the same thing. */
final class Captions {

    /** Words before a noun that may be others in the user's words: {@code in the snow}, {@code through snow}. */
    private static final Set<String> BEFORE_NOUNS = Set.of("a", "an", "the", "in", "on", "at", "of", "by", "near", "under", "over", "along", "across",
            "through", "down", "up", "into", "inside", "with", "behind", "beside", "before");

    /** The most words between those and the noun. */
    private static final int ADJECTIVES = 2;

    private Captions() {
    }

    /**
     * The caption with the user's words in the place of those that name the same thing, which are told by their noun, the last word.
     * A caption that has the words, or not even the noun, is left as it is.
     */
    static String with(String caption, String words) {
        String plain = " " + caption.toLowerCase(Locale.ROOT) + " ";
        if (plain.contains(" " + words.toLowerCase(Locale.ROOT) + " ")) {
            return caption;
        }
        List<String> found = Arrays.asList(caption.split("\\s+"));
        String[] own = words.split("\\s+");
        int noun = found.stream().map(word -> word.toLowerCase(Locale.ROOT)).toList().lastIndexOf(own[own.length - 1].toLowerCase(Locale.ROOT));
        if (noun < 0) {
            return caption;
        }
        int from = own.length > 1 && isBeforeNouns(own[0]) ? phrase(found, noun) : noun;
        return String.join(" ", found.subList(0, from)) + (from > 0 ? " " : "") + words
                + (noun + 1 < found.size() ? " " + String.join(" ", found.subList(noun + 1, found.size())) : "");
    }

    /** Where the phrase of a noun begins: {@code down a curvy road}. */
    private static int phrase(List<String> words, int noun) {
        int first = noun;
        while (first > Math.max(0, noun - ADJECTIVES) && !isBeforeNouns(words.get(first - 1))) {
            first--;
        }
        if (first == 0 || !isBeforeNouns(words.get(first - 1))) {
            return noun;
        }
        while (first > 0 && isBeforeNouns(words.get(first - 1))) {
            first--;
        }
        return first;
    }

    private static boolean isBeforeNouns(String word) {
        return BEFORE_NOUNS.contains(word.toLowerCase(Locale.ROOT));
    }
}
