package org.fatezero.options;

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
        "a car on a road, jeep, a car on a road"})
    void takesTheUsersWords(String caption, String words, String expected) {
        assertEquals(expected, Captions.with(caption, words));
    }
}
