package org.fatezero.caption;

import org.fatezero.io.ModelConfig;
import org.fatezero.options.words.Captions;

import java.io.IOException;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The words of the classes that a {@link SceneReader} tells apart, and the sentence that they make. After the objects it has two
 * classes more, for no object and for one that it does not know; after the places one, for a place that it does not know.
 *
 * @param objects with their verbs: {@code jeep driving}
 * @param colours of an object
 * @param places behind an object: {@code in the snow}
 * @param emptyPlaces the same places without an object: {@code the snow}
 * @param styles sentences around the rest, for which {@code {}} stands
 */
record SceneWords(List<String> objects, List<String> colours, List<String> places, List<String> emptyPlaces, List<String> styles) {

    private static final String UNKNOWN_OBJECT = "something";

    /** The lists {@code objects}, {@code colours}, {@code places}, {@code empty_places} and {@code styles}. */
    static SceneWords read(ModelConfig config) throws IOException {
        SceneWords words = new SceneWords(config.texts("objects"), config.texts("colours"), config.texts("places"),
                config.texts("empty_places"), config.texts("styles"));
        if (words.places.size() != words.emptyPlaces.size()) {
            throw config.wrong("empty_places", "as many as places, " + words.places.size());
        }
        for (String style : words.styles) {
            if (!style.contains("{}")) {
                throw config.wrong("styles", "a {} in each");
            }
        }
        return words;
    }

    /** How many classes each factor has: object, colour, place, style. */
    int[] classes() {
        return new int[] {objects.size() + 2, colours.size(), places.size() + 1, styles.size()};
    }

    /** The sentence for a class of each factor; a colour of -1 is not named. */
    String sentence(int object, int colour, int place, int style) {
        boolean placeKnown = place < places.size();
        if (object >= objects.size() && !placeKnown) {
            return Captions.NOTHING_KNOWN;
        }
        String text;
        if (object == objects.size()) {
            text = emptyPlaces.get(place);
        } else {
            String subject = object < objects.size() ? named(object, colour) : UNKNOWN_OBJECT;
            text = placeKnown ? subject + " " + places.get(place) : subject;
        }
        return styles.get(style).replace("{}", text);
    }

    /**
     * The log probability of all that a text names of this world. What it names of something else is an unknown object or place.
     *
     * @param p probabilities of the classes of each factor
     */
    double logProbability(String text, double[][] p) {
        Set<String> own = nouns(text);
        double object = ofNamed(objects, own, p[0], objects.size(), objects.size() + 1);
        return object + ofNamed(colours, own, p[1]) + ofNamed(places, own, p[2], places.size());
    }

    /** @param otherwise the classes of a text that names none; of none, if that says nothing */
    private static double ofNamed(List<String> classes, Set<String> own, double[] p, int... otherwise) {
        int[] named = IntStream.range(0, classes.size()).filter(i -> !Collections.disjoint(nouns(classes.get(i)), own)).toArray();
        if (named.length > 0) {
            return IntStream.of(named).mapToDouble(i -> Math.log(p[i])).sum();
        }
        return otherwise.length == 0 ? 0 : Math.log(IntStream.of(otherwise).mapToDouble(i -> p[i]).sum());
    }

    /** The words that say what something is: neither {@code in} or {@code the} nor {@code driving}. */
    private static Set<String> nouns(String text) {
        return Stream.of(text.toLowerCase(Locale.ROOT).split("\\s+")).filter(word -> !Captions.isBeforeNouns(word) && !word.endsWith("ing"))
                .collect(Collectors.toSet());
    }

    private String named(int object, int colour) {
        String name = colour < 0 ? objects.get(object) : colours.get(colour) + " " + objects.get(object);
        return ("aeiou".indexOf(name.charAt(0)) >= 0 ? "an " : "a ") + name;
    }
}
