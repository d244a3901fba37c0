package org.fatezero.options.words;

import org.fatezero.io.UserTexts;
import org.fatezero.options.OptionResolver;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** A user's words stand where whoever wrote the caption finds them likely. */
class ReadingsTest {

    /** The user is right. */
    @ParameterizedTest
    @CsvSource({
        "a white swan swimming in a river, duck, a white duck swimming in a river",
        "a white swan swimming in a river, the brown duck, the brown duck swimming in a river",
        "a white swan swimming in a river, white duck, a white duck swimming in a river",
        "an orange fox walking in the snow, red, a red fox walking in the snow",
        "an airplane in the sky, jeep, a jeep in the sky",
        "the airplane in the sky, orange, the orange airplane in the sky",
        "a man riding a bike, unicycle, a man riding an unicycle",
        "a swan swimming in a river near a wall and bushes, on a lake, a swan swimming on a lake",
        "a building with a clock, tower, a tower with a clock",
        "watercolor painting of a red porsche car driving down a road, jeep, watercolor painting of a red jeep driving down a road"})
    void oneThingIsAnother(String caption, String words, String expected) throws IOException {
        assertEquals(expected, Readings.likeliest(caption, words,
                captions -> captions.stream().mapToDouble(text -> text.equals(expected) ? -4 : text.equals(caption) ? 0 : -5).toArray()));
    }

    /** Nothing speaks against the user, and nobody is asked. */
    @ParameterizedTest
    @CsvSource({
        "a scene, jeep, a jeep",
        "a scene, in the snow, a scene in the snow",
        "something in a forest, an elephant, an elephant in a forest",
        "cartoon of something in a forest, elephant, cartoon of elephant in a forest",
        "a red jeep driving, on a road, a red jeep driving on a road"})
    void whatIsNotKnownIsWhatTheUserSays(String caption, String words, String expected) throws IOException {
        assertEquals(expected, Readings.likeliest(caption, words, captions -> {
            throw new AssertionError(captions);
        }));
    }

    @ParameterizedTest
    @CsvSource({
        "a red jeep driving down a road, swan",
        "a red jeep driving down a road, a swan swimming in",
        "a red jeep driving down a road, in the snow",
        "a red jeep driving down a road, silver",
        "forest, driving"})
    void anUnlikelyCaptionIsNotTaken(String caption, String words) throws IOException {
        List<String> asked = new ArrayList<>();
        assertEquals(caption, Readings.likeliest(caption, words, captions -> {
            asked.addAll(captions);
            return captions.stream().mapToDouble(text -> text.equals(caption) ? -1 : -6).toArray();
        }));
        assertTrue(asked.stream().allMatch(text -> text.equals(caption) || text.contains(words)), asked.toString());
    }

    @Test
    void whoCannotSeeFindsNothingElseLikely() throws Exception {
        assertEquals("a jeep", Readings.likeliest("a jeep", "road", Readings::none));
    }

    @Test
    void twoThingsMayBeOthersAtOnce() throws IOException {
        Map<String, String> set = Map.of("preset", "object-and-place", "from", "duck|in a pond", "to", "boat|at sea");
        assertEquals("a green duck swimming in a pond", OptionResolver.described(set, new UserTexts(), "a green swan swimming in a river",
                captions -> captions.stream().mapToDouble(text -> text.matches("a green \\w+ swimming in a \\w+") ? 0 : -9).toArray(),
                (level, message) -> { }).get(0).source());
    }
}
