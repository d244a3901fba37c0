package org.fatezero.options.words;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertEquals;

class RemovalTest {

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "a red jeep driving down a curvy road | jeep | a curvy road",
        "a red jeep driving down a curvy road | red jeep | a curvy road",
        "a red jeep driving down a curvy road | A red Jeep | a curvy road",
        "a red jeep driving down a curvy road | a red jeep driving down | a curvy road",
        "a red jeep driving down a curvy road | road | a red jeep driving",
        "a red jeep driving down a curvy road | down a curvy road | a red jeep driving",
        "a jeep parked in the snow | jeep | the snow",
        "red jeep on a road | jeep | a road",
        "a big shiny old red jeep on a road | jeep | a road",
        "two dogs playing in the snow | dogs | the snow",
        "a red jeep, driving down a road | jeep | a road",
        "a jeep is driving slowly down a road | jeep | a road",
        "a red jeep drives on a road | jeep | a road",
        "a jeep drives slowly down a road | jeep | a road",
        "a cat and a dog on a sofa | cat | a dog on a sofa",
        "a cat and a dog on a sofa | dog | a cat on a sofa",
        "a cat next to a dog | cat | a dog",
        "a black and white cat on a sofa | cat | a sofa",
        "a meadow with a cat sleeping under trees | a cat | a meadow under trees",
        "a black swan with a red beak swimming in a river near a wall | swan | a river near a wall",
        "watercolor painting of a silver jeep driving down a road | jeep | watercolor painting of a road",
        "a photo of a red jeep on a road | jeep | a photo of a road",
        "a photo of a red jeep | jeep | a photo",
        "a man walking his dog in a park | dog | a man walking in a park",
        "a man with a hat riding a horse | hat | a man riding a horse",
        "a jeep behind a jeep near a wall | jeep | a wall",
        "a jeep | jeep | ''"})
    void aThingGoesWithAllThatIsSaidOfIt(String caption, String words, String expected) {
        assertEquals(expected, Removal.without(caption, words));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "a red jeep driving down a curvy road | red | a jeep driving down a curvy road",
        "a red jeep driving down a curvy road | curvy | a red jeep driving down a road",
        "a red jeep driving down a curvy road | driving | a red jeep down a curvy road",
        "a big red jeep | big | a red jeep",
        "a jeep | bus | a jeep"})
    void otherWordsGoAlone(String caption, String words, String expected) {
        assertEquals(expected, Removal.without(caption, words));
    }
}
