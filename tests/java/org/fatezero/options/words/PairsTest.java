package org.fatezero.options.words;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.fatezero.TinyOptions;
import org.fatezero.io.UserTexts;
import org.fatezero.options.OptionResolver;
import org.fatezero.options.Options;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.HashMap;
import java.util.Map;

class PairsTest {

    private static final String SOURCE = "a red jeep car on a road";

    private static Options resolved(String... set) throws Exception {
        Map<String, String> options = new HashMap<>(Map.of("source", SOURCE, "prompt", "{edited}"));
        for (int i = 0; i < set.length; i += 2) {
            options.put(set[i], set[i + 1]);
        }
        return OptionResolver.resolve(options, new UserTexts(), new TinyOptions.Silent());
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "jeep car|road; Porsche|snowy road; a red Porsche on a snowy road",
        "road | jeep car; snowy road|Porsche; a red Porsche on a snowy road",
        "red|jeep; jeep|red; a jeep red car on a road",
        "jeep|; bus|in the fog; a red bus car on a road in the fog",
        "jeep; bus; a red bus car on a road"})
    void eachIsReplacedOnce(String from, String to, String prompt) throws Exception {
        assertEquals(prompt, resolved("from", from, "to", to).prompt());
    }

    @Test
    void theLongestIsReplacedFirst() throws Exception {
        assertEquals("a bus and a train", resolved("source", "a car and a red car", "from", "car|red car", "to", "bus|train").prompt());
        assertEquals("a jeep on a road",
                resolved("from", "red|car", "source", "a red jeep on a road with a car", "prompt", "{without}").prompt());
    }

    @Test
    void eachHasItsRegionAndItsWords() throws Exception {
        Options options = resolved("from", "jeep|road", "to", "bus|river", "blend", "{from}/{to}", "emphasize", "{to}=3+red=2",
                "cross_replace", "0.5+{to}=0.2", "negative", "{from}");
        assertEquals("jeep/bus|road/river", options.blend());
        assertEquals("bus=3+river=3+red=2", options.emphasize());
        assertEquals("0.5+bus=0.2+river=0.2", options.cross_replace());
        assertEquals("jeep, road", options.negative());
        assertEquals("jeep/bus|-/river", resolved("from", "jeep|road", "to", "bus|river", "blend", "{from}/{to}|-/{to}").blend());
        assertEquals("jeep/bus|-/in the fog", resolved("from", "jeep|", "to", "bus|in the fog", "blend", "{from}/{to}").blend());
        assertEquals("red+jeep", resolved("from", "jeep|road", "to", "bus|river", "blend", "red+jeep").blend());
    }

    /** What separates regions and words there is no part of a phrase. */
    @Test
    void wordsAreNoSyntaxOfTheirRegion() throws Exception {
        assertEquals("a+black+white+cat", resolved("source", "a black/white cat on a road", "from", "on a road", "to", "at sea",
                "prompt", "{edited}", "blend", "-{rest}").blend().substring(1));
        assertEquals("black+white cat/dog+wolf", resolved("source", "a black/white cat", "from", "black/white cat", "to", "dog + / wolf",
                "blend", "{from}/{to}").blend());
        assertEquals("a dog + wolf", resolved("source", "a black/white cat", "from", "black/white cat", "to", "dog + wolf",
                "blend", "{from}/{to}").prompt());
    }

    @Test
    void wordsMayOnlyBeAdded() throws Exception {
        assertEquals("a cat, a dog. in the snow at night",
                resolved("source", "a cat, a dog.", "from", "|", "to", "in the snow|at night").prompt());
    }

    /** The sign for a millionth and the Greek letter are one letter, but for its case. */
    @Test
    void casesAreFoldedAlikeThroughout() throws Exception {
        assertEquals("a big chip", resolved("source", "a \u00b5 chip", "from", "\u03bc", "to", "big").prompt());
    }

    /** Without a source, which is found later and does not help. */
    @Test
    void whatCannotBeIsToldBeforeTheClipIsDescribed() {
        String message = assertThrows(IllegalArgumentException.class,
                () -> resolved("source", "auto", "from", "jeep|jeep", "to", "cat|dog")).getMessage();
        assertTrue(message.contains("names jeep twice"), message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "jeep|road; bus; {edited}; name 2 and 1: expected as many",
        "jeep|lake; bus|sea; {edited}; from=lake: not in the source 'a red jeep car on a road'",
        "jeep|road| Jeep; bus|river|cat; {edited}; from=jeep|road| Jeep names Jeep twice: expected once",
        "1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17; a; {edited}; from names 17 words or phrases: expected at most 16",
        "||||||||||||||||; a; a; from names 17 words or phrases: expected at most 16"})
    void whatCannotBeIsToldByItsWords(String from, String to, String prompt, String told) {
        String message = assertThrows(IllegalArgumentException.class,
                () -> resolved("from", from, "to", to, "prompt", prompt)).getMessage();
        assertTrue(message.contains(told), message);
    }
}
