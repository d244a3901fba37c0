package org.fatezero.caption;

import org.fatezero.io.ModelConfig;

import java.io.IOException;
import java.util.List;

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
            return Captioner.NOTHING_KNOWN;
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

    private String named(int object, int colour) {
        String name = colour < 0 ? objects.get(object) : colours.get(colour) + " " + objects.get(object);
        return ("aeiou".indexOf(name.charAt(0)) >= 0 ? "an " : "a ") + name;
    }
}
