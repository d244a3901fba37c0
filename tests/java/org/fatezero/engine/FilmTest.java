package org.fatezero.engine;

import org.fatezero.TinyOptions;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** A frame of a film comes out the same however the film is cut into windows, since all windows of a shot attend to its anchor. */
class FilmTest {

    private static final String TINY = "tests/golden/tiny";
    private static final int WIDTH = 32;
    private static final int HEIGHT = 24;
    private static final int ROW = WIDTH * 3 * 2; // 16 bits a sample
    static final int LENGTH = 16;
    private static final int ANCHOR = 3;

    static Engine open(String... set) throws Exception {
        Map<String, String> options = TinyOptions.of(TINY, "keys", "anchor", "steady", "0.7");
        for (int i = 0; i < set.length; i += 2) {
            options.put(set[i], set[i + 1]);
        }
        return new Engine(options, new TinyOptions.Silent());
    }

    /** A pattern that moves and changes its colours. */
    static ByteBuffer[] film() {
        ByteBuffer[] film = new ByteBuffer[LENGTH];
        for (int i = 0; i < LENGTH; i++) {
            film[i] = ByteBuffer.allocateDirect(ROW * HEIGHT).order(ByteOrder.nativeOrder());
            for (int j = 0; j < WIDTH * 3 * HEIGHT; j++) {
                int x = j / 3 % WIDTH + i;
                int y = j / 3 / WIDTH;
                film[i].putShort(2 * j, (short) (32000 + 20000 * Math.sin(0.4 * x + 0.3 * y + j % 3 + 0.05 * i)));
            }
        }
        return film;
    }

    /** Frames {@code from ... to - 1}, edited in windows of so many; {@code mix} has a share for each frame of the film, or none. */
    static List<short[]> edited(Engine engine, ByteBuffer[] film, int from, int to, double... mix) throws Exception {
        List<short[]> edited = new ArrayList<>();
        for (int i = from; i < to; i += engine.window()) {
            if (mix.length > 0) {
                engine.mix(Arrays.copyOfRange(mix, i, Math.min(to, i + engine.window())));
            }
            ByteBuffer[] source = Arrays.copyOfRange(film, i, Math.min(to, i + engine.window()));
            ByteBuffer[] target = new ByteBuffer[source.length];
            Arrays.setAll(target, j -> ByteBuffer.allocateDirect(ROW * HEIGHT).order(ByteOrder.nativeOrder()));
            int[] strides = new int[source.length];
            Arrays.fill(strides, ROW);
            engine.edit(source, strides, target, strides, WIDTH, HEIGHT, 16);
            for (ByteBuffer frame : target) {
                short[] samples = new short[WIDTH * 3 * HEIGHT];
                frame.asShortBuffer().get(samples);
                edited.add(samples);
            }
        }
        return edited;
    }

    static double psnr(List<short[]> a, List<short[]> b) {
        double squares = 0;
        long count = 0;
        for (int i = 0; i < a.size(); i++) {
            for (int j = 0; j < a.get(i).length; j++) {
                squares += Math.pow(Short.toUnsignedInt(a.get(i)[j]) - Short.toUnsignedInt(b.get(i)[j]), 2);
                count++;
            }
        }
        return 10 * Math.log10(65535. * 65535 * count / squares);
    }

    static void assertSame(List<short[]> expected, List<short[]> actual, String what) {
        for (int i = 0; i < expected.size(); i++) {
            assertArrayEquals(expected.get(i), actual.get(i), what + ", frame " + i);
        }
    }

    @ParameterizedTest
    @CsvSource({"anchor, keep, ''", "anchor, recompute, jeep", "self+anchor, keep, jeep", "self+anchor, recompute, ''"})
    void theWindowsLengthChangesNothing(String keys, String store, String blend) throws Exception {
        List<List<short[]>> made = new ArrayList<>();
        for (String window : List.of("4", "8", "16", "5")) {
            try (Engine engine = open("window", window, "keys", keys, "store", store, "blend", blend,
                    "blend_latents", blend.isEmpty() ? "0" : "1")) {
                made.add(edited(engine, film(), 0, LENGTH));
            }
        }
        for (List<short[]> other : made.subList(1, made.size())) {
            assertTrue(psnr(made.get(0), other) > 60, psnr(made.get(0), other) + " dB");
        }
    }

    @Test
    void withoutAnAnchorItDoes() throws Exception {
        List<List<short[]>> made = new ArrayList<>();
        for (String window : List.of("4", "8")) {
            try (Engine engine = open("window", window, "keys", "mid")) {
                made.add(edited(engine, film(), 0, LENGTH));
            }
        }
        assertTrue(psnr(made.get(0), made.get(1)) < 50, psnr(made.get(0), made.get(1)) + " dB");
    }

    /** The film's second half, of the whole and edited alone with the anchor handed over. */
    private static List<List<short[]>> secondHalves(String steady) throws Exception {
        ByteBuffer[] film = film();
        List<List<short[]>> halves = new ArrayList<>();
        try (Engine engine = open("window", "4", "steady", steady)) {
            halves.add(edited(engine, film, 0, LENGTH).subList(LENGTH / 2, LENGTH));
        }
        try (Engine engine = open("window", "4", "steady", steady)) {
            engine.beginShot(film[ANCHOR], ROW, WIDTH, HEIGHT, 16);
            halves.add(edited(engine, film, LENGTH / 2, LENGTH));
        }
        return halves;
    }

    @Test
    void twoHalvesAreTheWholeByteForByte() throws Exception {
        List<List<short[]>> halves = secondHalves("0");
        assertSame(halves.get(0), halves.get(1), "the second half alone");
    }

    @Test
    void aSteadyHalfComesToBeThatOfTheWhole() throws Exception {
        List<List<short[]>> halves = secondHalves("0.3");
        double first = psnr(halves.get(0).subList(0, 1), halves.get(1).subList(0, 1));
        double last = psnr(halves.get(0).subList(7, 8), halves.get(1).subList(7, 8));
        assertTrue(last > first + 30, first + " dB, then " + last + " dB");
    }

    /** As after a command. The first frame of another prompt is as it was edited. */
    @ParameterizedTest
    @CsvSource({"threshold, 0.4, true", "prompt, a boat, false"})
    void anEngineWithOtherOptionsGoesOnFromTheLastFrameOfTheSamePrompt(String option, String value, boolean goesOn) throws Exception {
        List<List<short[]>> made = new ArrayList<>();
        for (String steady : List.of("0.7", "0")) {
            Map<String, String> options = TinyOptions.of(TINY, "keys", "anchor", "steady", steady, "window", "4", option, value);
            try (Engine before = open("window", "4", "steady", steady)) {
                edited(before, film(), 0, 8);
                try (Engine after = new Engine(before, options, new TinyOptions.Silent())) {
                    made.add(edited(after, film(), 8, LENGTH));
                }
            }
        }
        assertEquals(goesOn, !Arrays.equals(made.get(0).get(0), made.get(1).get(0)));
        assertFalse(Arrays.equals(made.get(0).get(1), made.get(1).get(1)));
    }

    @Test
    void framesInAnotherOrderComeBackInThatOrder() throws Exception {
        ByteBuffer[] film = film();
        int[] order = {0, 1, 2, 3, 11, 5, 9, 4, 15, 6, 14, 7, 13, 8, 12, 10};
        ByteBuffer[] shuffled = Arrays.stream(order).mapToObj(i -> film[i]).toArray(ByteBuffer[]::new);
        List<short[]> expected;
        List<short[]> actual;
        try (Engine engine = open("window", "4", "steady", "0")) {
            expected = edited(engine, film, 0, LENGTH);
        }
        try (Engine engine = open("window", "4", "steady", "0")) {
            actual = edited(engine, shuffled, 0, LENGTH);
        }
        List<short[]> inOrder = Arrays.stream(order).mapToObj(expected::get).toList();
        assertTrue(psnr(inOrder, actual) > 60, psnr(inOrder, actual) + " dB");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aShotHasNothingToDoWithTheOneBefore(boolean begins) throws Exception {
        ByteBuffer[] film = film();
        List<short[]> alone;
        List<short[]> after;
        try (Engine engine = open("window", "4")) {
            alone = edited(engine, film, 8, LENGTH);
        }
        try (Engine engine = open("window", "4")) {
            edited(engine, film, 0, 8);
            if (begins) {
                engine.beginShot();
            }
            after = edited(engine, film, 8, LENGTH);
        }
        if (begins) {
            assertSame(alone, after, "after a cut");
        } else {
            assertFalse(Arrays.equals(alone.get(0), after.get(0)), "in one shot the anchor is that of the first window");
        }
    }

    @Test
    void theFirstEightFramesAreThoseOfTheMiddleFrame() throws Exception {
        List<short[]> anchored;
        List<short[]> mid;
        try (Engine engine = open("window", "8")) {
            anchored = edited(engine, film(), 0, 8);
        }
        try (Engine engine = open("window", "8", "keys", "mid")) {
            mid = edited(engine, film(), 0, 8);
        }
        assertSame(mid, anchored, "the middle of eight frames is the anchor by itself");
    }

    @Test
    void aPictureIsItsOwnAnchor() throws Exception {
        List<short[]> anchored;
        List<short[]> self;
        try (Engine engine = open("keys", "anchor")) {
            anchored = edited(engine, film(), 0, 1);
        }
        try (Engine engine = open("keys", "self")) {
            self = edited(engine, film(), 0, 1);
        }
        assertSame(self, anchored, "one frame");
    }

    @Test
    void inversionsAreKeptForEachAnchor(@TempDir Path folder) throws Exception {
        ByteBuffer[] film = film();
        List<List<short[]>> made = new ArrayList<>();
        for (int run = 0; run < 2; run++) {
            try (Engine engine = open("window", "4", "inversion", folder.toString(), "store", "recompute")) {
                made.add(edited(engine, film, 0, LENGTH));
            }
        }
        assertTrue(psnr(made.get(0), made.get(1)) > 60, psnr(made.get(0), made.get(1)) + " dB");
        try (Engine engine = open("window", "4", "inversion", folder.toString(), "store", "recompute")) {
            engine.beginShot(film[0], ROW, WIDTH, HEIGHT, 16);
            assertTrue(psnr(made.get(0).subList(8, 12), edited(engine, film, 8, 12)) < 50, "another anchor is another inversion");
        }
    }

    /** A film that was stopped after any of its windows, bit for bit. */
    @Test
    void aFilmGoesOnAfterAStop(@TempDir Path folder) throws Exception {
        ByteBuffer[] film = film();
        List<short[]> expected;
        try (Engine engine = open("window", "4", "inversion", folder.resolve("whole").toString())) {
            expected = edited(engine, film, 0, LENGTH);
        }
        for (int stop = 4; stop < LENGTH; stop += 4) {
            String half = folder.resolve("stopped after " + stop).toString();
            try (Engine engine = open("window", "4", "inversion", half)) {
                edited(engine, film, 0, stop);
            }
            try (Engine engine = open("window", "4", "inversion", half)) {
                assertSame(expected, edited(engine, film, 0, LENGTH), "stopped after " + stop);
            }
        }
    }
}
