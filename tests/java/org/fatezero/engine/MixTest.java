package org.fatezero.engine;

import org.fatezero.TinyOptions;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

import static org.fatezero.engine.FilmTest.LENGTH;
import static org.fatezero.engine.FilmTest.assertSame;
import static org.fatezero.engine.FilmTest.edited;
import static org.fatezero.engine.FilmTest.film;
import static org.fatezero.engine.FilmTest.psnr;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** A film that moves from one prompt to another. */
class MixTest {

    private static final String SECOND = "a silver jeep on a road";
    /** From the sixth frame to the eleventh. */
    private static final double[] RAMP = {0, 0, 0, 0, 0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1, 1};

    private static List<short[]> made(double[] mix, String... set) throws Exception {
        try (Engine engine = FilmTest.open(set)) {
            return edited(engine, film(), 0, LENGTH, mix);
        }
    }

    private static double[] all(double share) {
        double[] mix = new double[LENGTH];
        Arrays.fill(mix, share);
        return mix;
    }

    @Test
    void atEitherEndItIsTheEditToThatPromptByteForByte() throws Exception {
        String[] both = {"window", "4", "prompt2", SECOND, "emphasize", "watercolor=4", "cross_replace", "0.5+watercolor=0.2"};
        assertSame(made(new double[0], "window", "4", "emphasize", "watercolor=4", "cross_replace", "0.5+watercolor=0.2"),
                made(all(0), both), "mix=0");
        assertSame(made(new double[0], "window", "4", "prompt", SECOND, "cross_replace", "0.5"), made(all(1), both), "mix=1");
        assertSame(made(new double[0], both), made(all(0), both), "without a mix");
    }

    @ParameterizedTest
    @CsvSource({"anchor, ''", "self+anchor, jeep"})
    void framesAtEitherEndAreThoseOfThatPromptWhateverTheRestOfTheirWindow(String keys, String blend) throws Exception {
        String[] set = {"window", "8", "keys", keys, "blend", blend, "prompt2", SECOND, "steady", "0"};
        List<short[]> first = made(all(0), set);
        List<short[]> second = made(all(1), set);
        List<short[]> ramp = made(RAMP, set);
        assertTrue(psnr(first.subList(0, 6), ramp.subList(0, 6)) > 60);
        assertTrue(psnr(second.subList(10, 16), ramp.subList(10, 16)) > 60);
        List<Double> away = new ArrayList<>();
        for (int i = 6; i < 10; i++) {
            away.add(psnr(second.subList(i, i + 1), ramp.subList(i, i + 1)) - psnr(first.subList(i, i + 1), ramp.subList(i, i + 1)));
        }
        assertEquals(away.stream().sorted().toList(), away, "frame by frame it is less like the first and more like the second");
        assertTrue(away.get(0) < -3 && away.get(3) > 3, away.toString());
    }

    /** A preset's confine is nobody's mistake where the second prompt has none of its words. */
    @Test
    void confinementIsThePromptsThatHasItsWords() throws Exception {
        List<String> log = new ArrayList<>();
        Map<String, String> options = TinyOptions.of("tests/golden/tiny", "blend", "jeep/car", "confine", "1", "prompt2", SECOND,
                "prompt", "a silver car on a road");
        new Engine(options, new TinyOptions.Silent() {
            @Override
            public void log(int level, String message) {
                log.add(message);
            }
        }).close();
        assertTrue(log.stream().noneMatch(line -> line.contains("confine")), log.toString());
    }

    @Test
    void theWindowsLengthChangesNothing() throws Exception {
        List<List<short[]>> made = new ArrayList<>();
        for (String window : List.of("4", "8", "16", "5")) {
            for (String store : List.of("keep", "recompute")) {
                made.add(made(RAMP, "window", window, "store", store, "blend", "jeep", "prompt2", SECOND));
            }
        }
        for (List<short[]> other : made.subList(1, made.size())) {
            assertTrue(psnr(made.get(0), other) > 60, psnr(made.get(0), other) + " dB");
        }
    }

    @Test
    void eachMixHasAnEditOfItsOwnInTheFolder(@TempDir Path folder) throws Exception {
        String[] kept = {"window", "4", "prompt2", SECOND, "inversion", folder.resolve("kept").toString()};
        List<short[]> expected = made(RAMP, "window", "4", "prompt2", SECOND, "inversion", folder.resolve("other").toString());
        made(all(0), kept);
        made(all(0.5), kept);
        assertTrue(psnr(expected, made(RAMP, kept)) > 60);
        List<short[]> again = made(RAMP, kept);
        assertSame(made(RAMP, kept), again, "read from the folder");
    }

    /** The second prompt may not have what is blended in the first. */
    @Test
    void wordsThatTheSecondLacksJoinNoMask() throws Exception {
        String[] second = {"window", "4", "blend", "jeep/watercolor", "blend_latents", "0.2-1", "prompt2", SECOND};
        assertSame(made(new double[0], "window", "4", "blend", "jeep/", "blend_latents", "0.2-1", "prompt", SECOND),
                made(all(1), second), "mix=1");
    }

    @Test
    void ofTwoPromptsOnlyWordsOfTheSourceAreShown() throws Exception {
        FilmTest.open("prompt2", SECOND, "show", "attention=jeep").close();
        String message = assertThrows(IllegalArgumentException.class,
                () -> FilmTest.open("prompt2", SECOND, "show", "attention=watercolor")).getMessage();
        assertTrue(message.contains("beside prompt2= only words of the source"), message);
    }

    @Test
    void whatIsNoShareIsRefused() throws Exception {
        ByteBuffer[] film = film();
        try (Engine engine = FilmTest.open("window", "4", "prompt2", SECOND)) {
            Exception outside = assertThrows(IllegalArgumentException.class, () -> engine.mix(0, 1.5));
            assertTrue(outside.getMessage().contains("1.5: expected 0 to 1"));
            assertThrows(IllegalArgumentException.class, () -> engine.mix(Double.NaN));
            engine.mix(0, 1);
            Exception tooFew = assertThrows(IllegalArgumentException.class, () -> edited(engine, film, 0, 4));
            assertTrue(tooFew.getMessage().contains("4 frames, but 2 shares"));
            assertSame(made(new double[0], "window", "4", "prompt2", SECOND), edited(engine, film, 0, LENGTH), "the next call has no mix");
        }
        try (Engine engine = FilmTest.open("window", "4")) {
            assertTrue(assertThrows(IllegalArgumentException.class, () -> engine.mix(0.5)).getMessage().contains("prompt2="));
            engine.mix(0, 0, 0, 0);
            edited(engine, film, 0, 4);
        }
    }
}
