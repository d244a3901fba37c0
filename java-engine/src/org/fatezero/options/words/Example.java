package org.fatezero.options.words;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * What to give a preset that needs words of the clip, in the words of the clip at hand: {@code from={colour}:to=blue} becomes
 * {@code from=red:to=blue} for a red jeep.
 */
public final class Example {

    private static final Set<String> COLOURS = Set.of("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black",
            "white", "silver", "grey", "gray", "golden", "gold", "beige", "dark", "light");

    /** What is said of a clip whose description has no such part. */
    private static final Map<String, String> OTHERWISE = Map.of("{colour}", "red", "{object}", "jeep", "{noun}", "jeep",
            "{place}", "on a road", "{other}", "porsche car");

    private Example() {
    }

    /**
     * @param form options with {@code {colour}}, {@code {object}}, {@code {noun}}, {@code {place}} and {@code {other}},
     *     another object, in them
     */
    public static String of(String form, String source) {
        Map<String, String> parts = parts(source);
        String filled = form;
        for (Map.Entry<String, String> part : OTHERWISE.entrySet()) {
            String found = parts.get(part.getKey());
            filled = filled.replace(part.getKey(), found == null || found.isEmpty() ? part.getValue() : found);
        }
        return filled;
    }

    /** {@code a red jeep driving down a road}: its colour, its object, the last word of that, and its place. */
    private static Map<String, String> parts(String source) {
        String shown = source.strip().replaceFirst("^.*\\b(?:painting|sketch|drawing|picture|photo|cartoon) of |^.* style ", "");
        List<String> words = List.of(shown.split("\\s+"));
        int end = 0; // of the object
        while (end < words.size() && !Captions.leads(words.get(end)) && !words.get(end).endsWith("ing")) {
            end++;
        }
        int place = end;
        while (place < words.size() && !Captions.leads(words.get(place))) {
            place++;
        }
        List<String> subject = words.subList(Captions.isArticle(words.get(0)) ? 1 : 0, end);
        List<String> object = subject.stream().filter(word -> !isColour(word)).toList();
        String other = String.join(" ", object).equalsIgnoreCase("porsche car") ? "jeep" : "";
        return Map.of("{other}", other, "{colour}", subject.stream().filter(Example::isColour).findFirst().orElse(""),
                "{object}", String.join(" ", object), "{noun}", object.isEmpty() ? "" : object.get(object.size() - 1),
                "{place}", String.join(" ", words.subList(place, words.size())));
    }

    static boolean isColour(String word) {
        return COLOURS.contains(word.toLowerCase(Locale.ROOT));
    }
}
