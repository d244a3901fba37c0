package org.fatezero.options.words;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Captions that were found, and the words in which a user speaks of the same thing. */
public final class Captions {

    /** Of a clip in which nothing was recognised. */
    public static final String NOTHING_KNOWN = "a scene";

    private static final Set<String> ARTICLES = Set.of("a", "an", "the");

    /** Words before a noun that may be others in the user's words: {@code in the snow}, {@code through snow}. */
    private static final Set<String> BEFORE_NOUNS = Set.of("a", "an", "the", "and", "in", "on", "at", "of", "by", "near", "next", "to",
            "from", "for", "under", "over", "above", "below", "along", "across", "through", "around", "between", "among", "against", "down",
            "up", "into", "onto", "towards", "inside", "with", "behind", "beside", "before", "after");

    /** The most words between those and the noun. */
    private static final int ADJECTIVES = 2;

    private Captions() {
    }

    /**
     * The caption with the user's words in the place of those that name the same thing, which are told by a noun of theirs and the words
     * before it. A caption that has the words, or none of their nouns, is left as it is.
     */
    public static String with(String caption, String words) {
        if (has(caption, words)) {
            return caption;
        }
        List<String> found = List.of(caption.strip().split("\\s+"));
        List<String> own = List.of(words.strip().split("\\s+"));
        Run same = same(own, found);
        if (same == null) {
            return caption;
        }
        int from = own.size() > 1 && isBeforeNouns(own.get(0)) ? phrase(found, same.from) : same.from;
        int to = isBeforeNouns(own.get(own.size() - 1)) ? upToNextNoun(found, same.to) : same.to;
        return Stream.of(found.subList(0, from), own, found.subList(to, found.size())).flatMap(List::stream)
                .collect(Collectors.joining(" "));
    }

    public static boolean has(String caption, String words) {
        return (" " + lower(caption) + " ").contains(" " + lower(words) + " ");
    }

    /** Words of a caption, from and to counted as of sublists. */
    private record Run(int from, int to, int length) {
    }

    /** The most words in a row, those before nouns apart, that both have and that end in a noun of the user's; the last such, or null. */
    private static Run same(List<String> own, List<String> found) {
        Run best = null;
        for (int i = 0; i < own.size(); i++) {
            for (int j = 0; j < found.size(); j++) {
                Run run = isBeforeNouns(own.get(i)) ? null : same(own, i, found, j);
                if (run != null && (best == null || run.length >= best.length)) {
                    best = run;
                }
            }
        }
        return best;
    }

    private static Run same(List<String> own, int i, List<String> found, int j) {
        Run run = null;
        int length = 0;
        int begin = j;
        while (i < own.size() && j < found.size() && lower(own.get(i)).equals(lower(found.get(j)))) {
            length++;
            i++;
            j++;
            if (i == own.size() || isBeforeNouns(own.get(i)) || own.get(i).endsWith("ing")) {
                run = new Run(begin, j, length);
            }
            while (i < own.size() && isBeforeNouns(own.get(i))) {
                i++;
            }
            while (j < found.size() && isBeforeNouns(found.get(j))) {
                j++;
            }
        }
        return run;
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
        return beforeLeads(words, first);
    }

    /** Where the words begin that lead to those at {@code at}. */
    private static int beforeLeads(List<String> words, int at) {
        int first = at;
        while (first > 0 && isBeforeNouns(words.get(first - 1))) {
            first--;
        }
        return first;
    }

    /** Behind a verb and what leads to the next noun, {@code driving down}, if that is near; otherwise where it began. */
    private static int upToNextNoun(List<String> words, int at) {
        int next = at;
        while (next < Math.min(words.size(), at + ADJECTIVES) && !isBeforeNouns(words.get(next))) {
            next++;
        }
        if (next == words.size() || !isBeforeNouns(words.get(next))) {
            return at;
        }
        while (next < words.size() && isBeforeNouns(words.get(next)) && !isArticle(words.get(next))) {
            next++;
        }
        return next;
    }

    static boolean isArticle(String word) {
        return ARTICLES.contains(lower(word));
    }

    /** Whether a word only leads to a noun: {@code in}, {@code the}. */
    public static boolean isBeforeNouns(String word) {
        return BEFORE_NOUNS.contains(lower(word));
    }

    /** Whether a word leads to another thing: {@code on}, {@code near}. */
    static boolean leads(String word) {
        return isBeforeNouns(word) && !isArticle(word);
    }

    private static String lower(String text) {
        return text.toLowerCase(Locale.ROOT);
    }
}
