package org.fatezero.options;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.fatezero.TinyOptions;
import org.fatezero.engine.Engine;
import org.fatezero.io.UserTexts;
import org.fatezero.options.words.Words;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

class StrengthTest {

    private static Map<String, String> moved(String strength, String... fixed) {
        Map<String, String> options = new HashMap<>(Map.of("strength", strength, "start", "1", "self_replace", "0.8",
                "cross_replace", "0.6+ukiyo-e=0.2+jeep=0.1-1", "inject", "0.2", "inject_kv", "0.2-0.4", "confine", "1",
                "threshold", "0.3"));
        Strength.apply(options, Set.of(fixed));
        return options;
    }

    @Test
    void halfIsWhatThePresetSays() {
        assertEquals(Map.of("strength", "0.5", "start", "1", "self_replace", "0.8", "cross_replace", "0.6+ukiyo-e=0.2+jeep=0.1-1",
                "inject", "0.2", "inject_kv", "0.2-0.4", "confine", "1", "threshold", "0.3"), moved("0.5"));
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "0.25, 0.25", "0.4, 0.64"})
    void belowItTheEditStartsFromLessNoise(String strength, double start) {
        Map<String, String> options = moved(strength);
        assertEquals(start, Double.parseDouble(options.get("start")), 1e-6);
        assertEquals("0.8", options.get("self_replace"));
        assertEquals("0.3", options.get("threshold"));
    }

    @ParameterizedTest
    @CsvSource({"0.75, 0.5", "0.9, 0.2", "1, 0", "0.9999, 0.0002"})
    void aboveItLessOfTheSourceIsKept(String strength, double kept) {
        Map<String, String> options = moved(strength);
        assertEquals("1", options.get("start"));
        assertEquals(0.8 * kept, Words.Share.parse("self_replace", options.get("self_replace")).to(), 1e-6);
        assertEquals(0.3 * kept, Double.parseDouble(options.get("threshold")), 1e-6);
        assertEquals(kept, Double.parseDouble(options.get("confine")), 1e-6);
        assertEquals(0.2 * kept, Words.Share.parse("inject", options.get("inject")).to(), 1e-6);
        Words.Share keyValues = Words.Share.parse("inject_kv", options.get("inject_kv"));
        assertEquals(0.2 * kept, keyValues.from(), 1e-6);
        assertEquals(0.4 * kept, keyValues.to(), 1e-6);
        String[] cross = options.get("cross_replace").split("\\+");
        assertEquals(0.6 * kept, Double.parseDouble(cross[0]), 1e-6);
        assertEquals(0.2 * kept, Double.parseDouble(cross[1].substring("ukiyo-e=".length())), 1e-6);
        Words.Share jeep = Words.Share.parse("cross_replace", cross[2].substring("jeep=".length()));
        assertEquals(0.1 * kept, jeep.from(), 1e-6);
        assertEquals(kept, jeep.to(), 1e-6);
    }

    @Test
    void theMaskOfWhatStaysDoesNotGrow() {
        Map<String, String> options = new HashMap<>(Map.of("strength", "1", "start", "1", "self_replace", "0.8", "cross_replace", "0.8",
                "inject", "0", "inject_kv", "0", "confine", "0", "threshold", "0.3", "blend", "-jeep"));
        Strength.apply(options, Set.of());
        assertEquals("0.000000 0.3", options.get("self_replace") + " " + options.get("threshold"));
    }

    /** Where the rest stands first, the masks are of what changes nevertheless. */
    @ParameterizedTest
    @CsvSource({"-|jeep/cat, 0.150000", "jeep/cat|-, 0.150000", "' -jeep', 0.3", "-{from}, 0.3"})
    void masksOfSeveralRegionsGrow(String blend, String threshold) {
        Map<String, String> options = new HashMap<>(Map.of("strength", "0.75", "start", "1", "self_replace", "0.8", "cross_replace", "0.8",
                "inject", "0", "inject_kv", "0", "confine", "0", "threshold", "0.3", "blend", blend));
        Strength.apply(options, Set.of());
        assertEquals(threshold, options.get("threshold"));
    }

    @ParameterizedTest
    @CsvSource({"1e-1, 0.050000", "1E-1-4e-1, 0.050000-0.200000", "0.2-8e-1, 0.100000-0.400000", "jeep=2e-1-0.4, jeep=0.100000-0.200000"})
    void aNumberMayHaveAnExponent(String share, String moved) {
        Map<String, String> options = new HashMap<>(Map.of("strength", "0.75", "start", "1", "self_replace", "0.8",
                "cross_replace", share, "inject", "0", "inject_kv", "0", "confine", "0", "threshold", "0.3"));
        Strength.apply(options, Set.of());
        assertEquals(moved, options.get("cross_replace"));
    }

    @Test
    void whatIsSetItselfStaysWhileThePresetsValuesMove() throws Exception {
        assertEquals("0.8", moved("1", "self_replace").get("self_replace"));
        Map<String, String> set = Map.of("preset", "watercolor", "source", "a jeep", "strength", "1", "cross_replace", "0.7");
        Options options = OptionResolver.resolve(set, new UserTexts(), new TinyOptions.Silent());
        assertEquals("0.7", options.cross_replace());
        assertEquals(0, Words.Share.parse("self_replace", options.self_replace()).to());
    }

    @ParameterizedTest
    @ValueSource(strings = {"-0.1", "1.1", "NaN", "bold"})
    void anythingButAShareIsAnError(String strength) {
        String message = assertThrows(IllegalArgumentException.class, () -> moved(strength)).getMessage();
        assertTrue(message.contains("strength=" + strength), message);
    }

    @Test
    void framesWanderFromTheSourceAsItGrows() throws Exception {
        double none = distance("0");
        double some = distance("0.25");
        double preset = distance("0.5");
        double all = distance("1");
        assertTrue(none < 12 && none < some && some < preset && preset < all, none + ", " + some + ", " + preset + ", " + all);
        assertEquals(none, distance("0", "prompt", "something else"), 0, "at 0 the prompt does nothing");
    }

    /** Mean difference of an edit's samples from the source's. */
    private static double distance(String strength, String... set) throws Exception {
        int side = 64;
        int stride = side * 3;
        Map<String, String> options = TinyOptions.of("pocket", set);
        options.putAll(Map.of("strength", strength, "steps", "4"));
        ByteBuffer source = ByteBuffer.allocateDirect(stride * side);
        ByteBuffer target = ByteBuffer.allocateDirect(stride * side);
        for (int i = 0; i < source.capacity(); i++) {
            source.put(i, (byte) (60 + i / 3 % side * 2 + i % 3 * 10));
        }
        try (Engine engine = new Engine(options, new TinyOptions.Silent())) {
            engine.edit(new ByteBuffer[] {source}, new int[] {stride}, new ByteBuffer[] {target}, new int[] {stride}, side, side, 8);
        }
        double sum = 0;
        for (int i = 0; i < source.capacity(); i++) {
            sum += Math.abs((source.get(i) & 255) - (target.get(i) & 255));
        }
        return sum / source.capacity();
    }
}
