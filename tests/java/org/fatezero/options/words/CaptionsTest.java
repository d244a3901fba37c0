package org.fatezero.options.words;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;

/** A caption takes over the words in which a user speaks of the same thing. */
class CaptionsTest {

    @ParameterizedTest
    @CsvSource({
        "a fox walking in the snow, in the snow, a fox walking in the snow",
        "a fox walking in the snow, through snow, a fox walking through snow",
        "a fox walking in the snow, snow, a fox walking in the snow",
        "a red jeep driving down a curvy road, on a road, a red jeep driving on a road",
        "a red jeep driving down a curvy road, muddy road, a red jeep driving down a curvy muddy road",
        "a Red Jeep on sand, red jeep, a Red Jeep on sand",
        "a jeep on sand, the Jeep, the Jeep on sand",
        "snow, on the snow, on the snow",
        "a duck in a river near a wall and bushes, in the river near a wall and bushes, a duck in the river near a wall and bushes",
        "a fox walking in a meadow, on a meadow with flowers, a fox walking on a meadow with flowers",
        "a brown rabbit running in the snow, a brown rabbit through, a brown rabbit through the snow",
        "a yellow flamingo walking on a beach, a yellow flamingo moving on, a yellow flamingo moving on a beach",
        "a jeep, a jeep driving down, a jeep driving down",
        "a red jeep on a road, red bus, a red jeep on a road",
        "a car on a road, jeep, a car on a road"})
    void takesTheUsersWords(String caption, String words, String expected) {
        assertEquals(expected, Captions.with(caption, words));
    }
}
