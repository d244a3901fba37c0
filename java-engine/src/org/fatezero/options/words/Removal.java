package org.fatezero.options.words;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/** What a caption says besides a thing: of {@code a red jeep driving on a road} without {@code jeep} that is {@code a road}. */
final class Removal {

    private static final String PUNCTUATION = "[,.;:!?]";
    private static final Set<String> VERBS = Set.of("is", "are", "was", "were");

    private final List<String> words; // of the caption that are left
    private final List<String> bare;  // the same in lower case, without punctuation

    private Removal(String caption) {
        words = new ArrayList<>(split(caption));
        bare = new ArrayList<>(words.stream().map(Removal::bare).toList());
    }

    /**
     * The caption without the things that {@code named} names. Where that is a noun, alone or with what stands before it, all that the
     * caption says of the thing goes with it: what leads to it, its articles and adjectives, {@code with} and what it has, and verbs.
     * Other words go alone.
     */
    static String without(String caption, String named) {
        Removal left = new Removal(caption);
        List<String> own = split(named).stream().map(Removal::bare).toList();
        for (int at = left.indexOf(own); at >= 0; at = left.indexOf(own)) {
            left.remove(at, at + own.size());
        }
        return left.words.stream().filter(word -> !word.isEmpty()).collect(Collectors.joining(" "));
    }

    private int indexOf(List<String> own) {
        return Collections.indexOfSubList(bare, own);
    }

    private void remove(int at, int end) {
        int from = at;
        int to = end;
        if (!Captions.leads(bare.get(at)) && !isVerb(at) && (endsClause(to - 1) || isEndOfThing(to))) {
            from = begin(at);
            boolean ledTo = Captions.leads(bare.get(from));
            to = endsClause(to - 1) ? to : behindWith(to);
            int behind = behindVerbs(to);
            to = ledTo && behind < words.size() && Captions.isArticle(bare.get(behind)) ? to : behind; // a man with a hat riding a horse
            if (from == 0) {
                to = upToNextNoun(to);
            } else if (bare.get(from).equals("of") && to < words.size()) { // a painting of a jeep on a road
                from++;
                to = upToNextNoun(to);
            }
        }
        words.subList(from, to).clear();
        bare.subList(from, to).clear();
    }

    private boolean isEndOfThing(int at) {
        return at == words.size() || Captions.isBeforeNouns(bare.get(at)) || isVerb(at) || isThirdPerson(at);
    }

    /** Where the words of a thing begin, and before them what leads to it: {@code down a curvy road}, {@code two red jeeps}. */
    private int begin(int noun) {
        int first = noun;
        while (first > 0 && (!Captions.isBeforeNouns(bare.get(first - 1)) || isOfColours(first - 1)) && !isVerb(first - 1)
                && !endsClause(first - 1)) {
            first--;
        }
        while (first > 0 && Captions.isBeforeNouns(bare.get(first - 1))) {
            first--;
        }
        return first;
    }

    /** {@code black and white}. */
    private boolean isOfColours(int and) {
        return bare.get(and).equals("and") && and > 0 && and + 1 < words.size() && Example.isColour(bare.get(and - 1))
                && Example.isColour(bare.get(and + 1));
    }

    /** Behind what a thing has: {@code with a red beak}. */
    private int behindWith(int at) {
        if (at == words.size() || !bare.get(at).equals("with")) {
            return at;
        }
        int end = at + 1;
        while (end < words.size() && !Captions.leads(bare.get(end)) && !isVerb(end) && !endsClause(end - 1)) {
            end++;
        }
        return end;
    }

    private int behindVerbs(int at) {
        int end = at < words.size() && isThirdPerson(at) ? at + 1 : at;
        while (end < words.size() && isVerb(end)) {
            end++;
        }
        return end;
    }

    /** Behind what leads to the next noun, {@code down} or {@code slowly down}, if that is near. */
    private int upToNextNoun(int at) {
        int next = at;
        while (next < Math.min(words.size(), at + 2) && !Captions.isBeforeNouns(bare.get(next))) {
            next++;
        }
        if (next == words.size() || !Captions.isBeforeNouns(bare.get(next))) {
            return at;
        }
        while (next < words.size() && Captions.leads(bare.get(next))) {
            next++;
        }
        return next;
    }

    /** {@code driving}, {@code parked}, and not {@code red}. */
    private boolean isVerb(int at) {
        String word = bare.get(at);
        return VERBS.contains(word) || word.length() > 4 && (word.endsWith("ing") || word.endsWith("ed"));
    }

    /** Behind a noun, {@code drives} of {@code a jeep drives slowly down a road}. */
    private boolean isThirdPerson(int at) {
        String next = at + 1 < words.size() ? bare.get(at + 1) : "";
        return bare.get(at).matches("[a-z]{3,}[^s]s") && (next.isEmpty() || next.endsWith("ly") || Captions.isBeforeNouns(next));
    }

    private boolean endsClause(int at) {
        return words.get(at).matches(".*" + PUNCTUATION);
    }

    private static List<String> split(String text) {
        return Arrays.asList(text.strip().split("\\s+"));
    }

    private static String bare(String word) {
        return word.replaceFirst(PUNCTUATION + "+$", "").toLowerCase(Locale.ROOT);
    }
}
