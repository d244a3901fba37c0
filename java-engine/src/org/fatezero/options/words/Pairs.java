package org.fatezero.options.words;

import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * What changes, and what it changes to: {@code jeep|road} to {@code Porsche|snowy road}.
 *
 * @param from words of the source; of several pairs one may be empty: the rest of the picture, which gets words that are added
 * @param to as many; empty for words that go
 */
public record Pairs(List<String> from, List<String> to) {

    /** @throws IllegalArgumentException unless there are as many of both, or none of {@code to}, and words of the source are named once */
    public static Pairs of(String from, String to) {
        List<String> old = list("from", from);
        List<String> changed = to.isBlank() ? Collections.nCopies(old.size(), "") : list("to", to);
        if (old.size() != changed.size()) {
            throw new IllegalArgumentException("from=" + from + " and to=" + to + " name " + old.size() + " and " + changed.size()
                    + ": expected as many");
        }
        requireOnce(from, old);
        return new Pairs(old, changed);
    }

    private static List<String> list(String option, String text) {
        List<String> list = Arrays.stream(text.split(Words.EACH, -1)).map(String::strip).toList();
        if (list.size() > Words.MOST) {
            throw new IllegalArgumentException(option + " names " + list.size() + " words or phrases: expected at most " + Words.MOST);
        }
        return list;
    }

    /** But for the empty ones, whose words are all added. */
    private static void requireOnce(String from, List<String> words) {
        Set<String> before = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
        for (String each : words) {
            if (!each.isEmpty() && !before.add(each)) {
                throw new IllegalArgumentException("from=" + from + " names " + each + " twice: expected once, as it becomes one thing");
            }
        }
    }

    /** {@code text} with the words of all pairs replaced, the longest first and each once, and no doubled spaces. */
    public String edited(String text) {
        requireIn(text);
        return replaced(text, to);
    }

    /** {@code text} without the things that they name, which all that it says of them goes with, and without other words of theirs. */
    public String without(String text) {
        requireIn(text);
        String left = text;
        for (String words : longestFirst()) {
            left = Removal.without(left, words);
        }
        return replaced(left, Collections.nCopies(from.size(), ""));
    }

    /** @throws IllegalArgumentException for one that {@code text} has not, or not but within a longer one */
    private void requireIn(String text) {
        Set<String> missing = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
        missing.addAll(longestFirst());
        anyOf(text).results().forEach(match -> missing.remove(match.group()));
        for (String word : from) {
            if (missing.contains(word)) {
                throw new IllegalArgumentException("from=" + word + ": not in the source '" + text + "'; its words are: "
                        + String.join(" ", text.strip().split("\\s+")));
            }
        }
    }

    private String replaced(String text, List<String> by) {
        Map<String, String> words = new TreeMap<>(String.CASE_INSENSITIVE_ORDER); // which folds cases as the pattern below does
        StringBuilder added = new StringBuilder();
        for (int i = 0; i < from.size(); i++) {
            if (from.get(i).isEmpty()) {
                added.append(' ').append(by.get(i));
            } else {
                words.put(from.get(i), by.get(i));
            }
        }
        String replaced = anyOf(text).replaceAll(match -> Matcher.quoteReplacement(words.get(match.group())));
        return (replaced + added).strip().replaceAll("\\s+", " ");
    }

    private Matcher anyOf(String text) {
        String any = longestFirst().stream().map(Pattern::quote).collect(Collectors.joining("|"));
        String never = "(?!)";
        return Pattern.compile(any.isEmpty() ? never : "(?<![\\p{L}\\p{N}])(" + any + ")(?![\\p{L}\\p{N}])",
                Pattern.CASE_INSENSITIVE | Pattern.UNICODE_CASE).matcher(text);
    }

    private List<String> longestFirst() {
        return from.stream().filter(words -> !words.isEmpty()).sorted(Comparator.comparing(String::length).reversed()).toList();
    }

    /**
     * An option's value with {@code {from}} and {@code {to}} filled in. Of several pairs {@code blend} gets a region each, and any
     * other option the part that names them, between plus signs, once for each.
     */
    public String fill(String option, String value) {
        if (option.equals("blend") && Stream.concat(from.stream(), to.stream()).anyMatch(words -> !words.equals(Words.phrase(words)))) {
            return new Pairs(from.stream().map(Words::phrase).toList(), to.stream().map(Words::phrase).toList()).fill(option, value);
        }
        if (from.size() == 1) {
            return value.replace("{from}", from.get(0)).replace("{to}", to.get(0));
        }
        boolean named = value.contains("{from}") || value.contains("{to}");
        return switch (option) {
            case "blend" -> named ? each(Words.each("blend", value, from.size())) : value;
            case "emphasize", "cross_replace" -> Arrays.stream(value.split("\\+", -1))
                    .flatMap(part -> part.contains("{") ? pairs().mapToObj(i -> filled(part, i)) : Arrays.stream(new String[] {part}))
                    .collect(Collectors.joining("+"));
            default -> value.replace("{from}", String.join(", ", from)).replace("{to}", String.join(", ", to));
        };
    }

    private String each(List<String> regions) {
        return pairs().mapToObj(i -> filled(regions.get(regions.size() == 1 ? 0 : i), i)).collect(Collectors.joining("|"));
    }

    private IntStream pairs() {
        return IntStream.range(0, from.size());
    }

    private String filled(String text, int i) {
        return text.replace("{from}", from.get(i).isEmpty() ? Words.NOT : from.get(i)).replace("{to}", to.get(i));
    }
}
