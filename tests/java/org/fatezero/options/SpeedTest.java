package org.fatezero.options;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.fatezero.io.UserTexts;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.Map;

class SpeedTest {

    private static Options resolved(Map<String, String> set) throws IOException {
        return OptionResolver.resolve(set, new UserTexts(), (level, message) -> { });
    }

    @Test
    void exactIsTheDefaultAndMovesNothing() throws IOException {
        Options options = resolved(Map.of("prompt", "a jeep", "speed", "exact"));
        assertEquals(resolved(Map.of("prompt", "a jeep")), options);
        assertEquals(50, options.steps());
    }

    @Test
    void fastIsFewerSteps() throws IOException {
        Options options = resolved(Map.of("prompt", "a jeep", "speed", "fast"));
        assertEquals(13, options.steps());
        assertEquals("implicit", options.solver());
    }

    @Test
    void whatIsSetStays() throws IOException {
        Options options = resolved(Map.of("prompt", "a jeep", "speed", "fast", "steps", "30", "guidance_interval", "0.3"));
        assertEquals(30, options.steps());
        assertEquals("implicit", options.solver());
        assertEquals("0.3", options.guidance_interval());
    }

    @Test
    void anotherSpeedIsAnError() {
        assertEquals("speed=faster: expected exact or fast",
                assertThrows(IllegalArgumentException.class, () -> resolved(Map.of("prompt", "a jeep", "speed", "faster"))).getMessage());
    }
}
