package org.fatezero.options;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.fatezero.io.UserTexts;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

class UnrecognisedTest {

    private static void assertHeld(double guidance, String selfReplace, String... set) throws IOException {
        Map<String, String> options = new HashMap<>(Map.of("preset", "watercolor", "source", "a woman on a road"));
        for (String option : set) {
            options.put(option.split("=")[0], option.split("=")[1]);
        }
        Options held = Unrecognised.held(OptionResolver.resolve(options, new UserTexts(), (level, message) -> { }), options);
        assertEquals(List.of(guidance, selfReplace), List.of(held.guidance(), held.self_replace()));
    }

    @Test
    void anEditOfWhatPocketDoesNotKnowIsHeldToItsSource() throws IOException {
        assertHeld(2, "1.0");
        assertHeld(2, "1.0", "preset=enhance");
        assertHeld(2, "1.0", "self_replace=auto");
    }

    @Test
    void whatIsSetStays() throws IOException {
        assertHeld(3, "0.5", "guidance=3", "self_replace=0.5");
        assertHeld(2, "0.5", "self_replace=0.5");
        assertHeld(4, "1.0", "guidance=4");
    }

    @Test
    void strengthMovesItAsAPresets() throws IOException {
        assertHeld(2, "0.0", "strength=1");
        assertHeld(2, "0.5", "strength=0.75");
        assertHeld(2, "1.0", "strength=0.25");
    }

    @ParameterizedTest
    @ValueSource(strings = {"parity=1", "model=CompVis/stable-diffusion-v1-4", "blend=woman"})
    void othersAreAsEver(String option) throws IOException {
        assertHeld(0, "0.8", option);
    }
}
