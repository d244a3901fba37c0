package org.fatezero.options.words;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * What a caption would be if a user's words, which it lacks, were the right ones for something in it: a duck where it has a swan. Who
 * wrote the caption says which of those is likely.
 */
public final class Readings {

    /** How well captions describe what is to be edited: their log probabilities. */
    @FunctionalInterface
    public interface Judge {
        double[] logProbabilities(List<String> captions) throws IOException;
    }

    /** The user is believed where the user's caption is at least this likely by the side of the found one. */
    private static final double LIKELY = 0.01;

    /** What captions call a thing that was not recognised. */
    private static final Set<String> UNKNOWN = Set.of("scene", "something");

    private Readings() {
    }

    /** What a judge says who cannot see: no other caption is likely beside the first. */
    public static double[] none(List<String> captions) {
        return IntStream.range(0, captions.size()).mapToDouble(i -> i == 0 ? 0 : Double.NEGATIVE_INFINITY).toArray();
    }

    /** The likeliest caption that has the user's words, or the caption as it is if none is likely. */
    public static String likeliest(String caption, String words, Judge judge) throws IOException {
        List<String> found = split(caption);
        List<String> own = split(words);
        if (own.get(own.size() - 1).endsWith("ing") || Captions.isBeforeNouns(own.get(own.size() - 1))) {
            return caption; // a part of a sentence, of which nothing says where it belongs
        }
        List<Thing> things = things(found);
        List<Thing> unknown = things.stream().filter(thing -> UNKNOWN.contains(found.get(thing.to - 1))).toList();
        boolean isPlace = Captions.leads(own.get(0));
        if (isPlace && found.stream().noneMatch(Captions::leads)) {
            return caption + " " + words; // it names no place, so nothing speaks against this one
        }
        if (!isPlace && !unknown.isEmpty()) {
            return with(found, unknown.get(0), own);
        }
        Set<String> readings = new LinkedHashSet<>(Set.of(caption));
        if (isPlace) {
            IntStream.range(1, found.size()).filter(i -> Captions.leads(found.get(i)) && !Captions.leads(found.get(i - 1)))
                    .forEach(i -> readings.add(join(found.subList(0, i), own, List.of())));
        } else {
            things.forEach(thing -> readings.add(with(found, thing, own)));
        }
        List<String> texts = List.copyOf(readings);
        double[] p = judge.logProbabilities(texts);
        int foundAt = texts.indexOf(caption);
        int best = IntStream.range(0, p.length).filter(i -> i != foundAt).reduce((i, j) -> p[j] > p[i] ? j : i).orElse(foundAt);
        return p[best] >= p[foundAt] + Math.log(LIKELY) ? texts.get(best) : caption;
    }

    /** Words of a caption that name one thing, its articles apart: {@code red jeep}. From and to are counted as of sublists. */
    private record Thing(int from, int to) {
    }

    private static List<Thing> things(List<String> words) {
        List<Thing> things = new ArrayList<>();
        int from = 0;
        for (int i = 0; i <= words.size(); i++) {
            if (i == words.size() || Captions.isBeforeNouns(words.get(i)) || i > from && words.get(i).endsWith("ing")) {
                if (i > from) {
                    things.add(new Thing(from, i));
                }
                from = i + 1;
            }
        }
        return things;
    }

    /** The caption with the user's words for a thing. It keeps its article and its colour unless they bring their own. */
    private static String with(List<String> caption, Thing thing, List<String> own) {
        List<String> named = new ArrayList<>(own);
        boolean hasArticle = thing.from > 0 && Captions.isArticle(caption.get(thing.from - 1));
        if (own.size() == 1) {
            List<String> before = caption.subList(thing.from, thing.to);
            if (Example.isColour(own.get(0))) {
                before.stream().filter(word -> !Example.isColour(word)).forEach(named::add);
            } else {
                named.addAll(0, before.subList(0, before.size() - 1).stream().filter(Example::isColour).toList());
            }
        }
        if (hasArticle && !Captions.isArticle(own.get(0))) {
            String article = caption.get(thing.from - 1);
            named.add(0, article.equals("a") || article.equals("an") ? "aeiou".indexOf(named.get(0).charAt(0)) >= 0 ? "an" : "a" : article);
        }
        return join(caption.subList(0, hasArticle ? thing.from - 1 : thing.from), named, caption.subList(thing.to, caption.size()));
    }

    private static List<String> split(String text) {
        return List.of(text.strip().split("\\s+"));
    }

    private static String join(List<String> first, List<String> second, List<String> third) {
        return Stream.of(first, second, third).flatMap(List::stream).collect(Collectors.joining(" "));
    }
}
