package org.fatezero.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.fatezero.TinyOptions;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;

/** What is shown of edits with the tiny model. */
class ShowTest {

    private static final String TINY = "tests/golden/tiny";
    private static final int FRAMES = 2;
    private static final int WIDTH = 37;
    private static final int HEIGHT = 21;

    private final Set<String> phases = new TreeSet<>();
    private final Host host = new TinyOptions.Silent() {
        @Override
        public boolean step(String phase, int step, int steps) {
            phases.add(phase);
            return true;
        }
    };

    private static byte[] frame(int i, int depth) {
        byte[] samples = new byte[WIDTH * HEIGHT * 3 * depth / 8];
        for (int j = 0; j < samples.length; j++) {
            samples[j] = (byte) (31 * i + j * 7 + j / 111 * 40);
        }
        return samples;
    }

    private byte[][] shown(int panels, int depth, String... set) throws Exception {
        try (Engine engine = new Engine(TinyOptions.of(TINY, set), host)) {
            assertEquals(panels, engine.panels(0));
            int stride = WIDTH * 3 * depth / 8;
            ByteBuffer[] source = new ByteBuffer[FRAMES];
            ByteBuffer[] target = new ByteBuffer[FRAMES];
            for (int i = 0; i < FRAMES; i++) {
                source[i] = ByteBuffer.allocateDirect(stride * HEIGHT).put(0, frame(i, depth));
                target[i] = ByteBuffer.allocateDirect(panels * stride * HEIGHT);
            }
            engine.edit(source, new int[] {stride, stride}, target, new int[] {panels * stride, panels * stride}, WIDTH, HEIGHT, depth);
            return Arrays.stream(target).map(buffer -> {
                byte[] bytes = new byte[buffer.capacity()];
                buffer.get(0, bytes);
                return bytes;
            }).toArray(byte[][]::new);
        }
    }

    private static byte[] panel(byte[] wide, int i, int panels) {
        int row = wide.length / panels / HEIGHT;
        byte[] panel = new byte[row * HEIGHT];
        for (int y = 0; y < HEIGHT; y++) {
            System.arraycopy(wide, (y * panels + i) * row, panel, y * row, row);
        }
        return panel;
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 16})
    void sourceEditAndMaskLieSideBySide(int depth) throws Exception {
        byte[][] edited = shown(1, depth, "blend", "jeep", "show", "edit");
        byte[][] masked = shown(1, depth, "blend", "jeep", "show", "mask");
        byte[][] compared = shown(3, depth, "blend", "jeep", "show", "compare");
        for (int i = 0; i < FRAMES; i++) {
            assertArrayEquals(frame(i, depth), panel(compared[i], 0, 3), "source, to the bit");
            assertArrayEquals(edited[i], panel(compared[i], 1, 3), "edit");
            assertArrayEquals(masked[i], panel(compared[i], 2, 3), "mask");
        }
    }

    @Test
    void anEditWithoutMaskLiesBesideItsSource() throws Exception {
        byte[][] compared = shown(2, 8, "show", "compare");
        assertArrayEquals(shown(1, 8)[1], panel(compared[1], 1, 2));
        assertArrayEquals(frame(1, 8), panel(compared[1], 0, 2));
    }

    /** As the authors' code allows; the panel was promised by the options alone. */
    @Test
    void aMaskOfWordsThatTheSourceDoesNotHaveIsEmpty() throws Exception {
        byte[][] compared = shown(3, 8, "blend", "/painting", "blend_latents", "0.2-0.8", "parity", "1", "show", "compare");
        byte[] source = frame(1, 8);
        byte[] mask = panel(compared[1], 2, 3);
        for (int i = 0; i < source.length; i++) {
            assertEquals(0.4 * (source[i] & 255), mask[i] & 255, 1);
        }
    }

    @Test
    void aMaskTintsWhereItIsAndDarkensTheRest() throws Exception {
        byte[] none = shown(1, 8, "blend", "jeep", "show", "mask", "threshold", "1")[0];
        byte[] all = shown(1, 8, "blend", "jeep", "show", "mask", "threshold", "0")[0];
        byte[] source = frame(0, 8);
        double[] tint = {0, 0.8 * 255, 255};
        for (int i = 0; i < source.length; i++) {
            assertEquals(0.4 * (source[i] & 255), none[i] & 255, 1);
            assertEquals(0.65 * (source[i] & 255) + 0.35 * tint[i % 3], all[i] & 255, 1);
        }
        assertEquals(Set.of("encode", "invert", "decode"), phases, "a mask needs no edit");
    }

    /** Two regions share the frame: a pixel has the tint of one of them at most. */
    @Test
    void eachOfSeveralRegionsHasItsOwnTint() throws Exception {
        byte[] first = shown(1, 8, "blend", "jeep|road", "show", "mask", "threshold", "0.9|1")[0];
        byte[] second = shown(1, 8, "blend", "jeep|road", "show", "mask", "threshold", "1|0.9")[0];
        byte[] both = shown(1, 8, "blend", "jeep|road", "show", "mask", "threshold", "0.9")[0];
        byte[] rest = shown(1, 8, "blend", "jeep|-", "show", "mask", "threshold", "0.9")[0];
        byte[] alone = shown(1, 8, "blend", "jeep", "show", "mask", "threshold", "0.9")[0];
        byte[] source = frame(0, 8);
        double[][] tints = {{0, 0.8 * 255, 255}, {255, 0.6 * 255, 0.1 * 255}};
        int[] seen = new int[3];
        for (int i = 0; i < source.length / 3; i++) {
            int tint = tinted(both, source, i, tints[0]) ? 0 : tinted(both, source, i, tints[1]) ? 1 : 2;
            seen[tint]++;
            assertTrue(tint == 0 ? tinted(first, source, i, tints[0]) : tint == 1 ? tinted(second, source, i, tints[1])
                    : Math.abs(0.4 * (source[3 * i] & 255) - (both[3 * i] & 255)) <= 1, "pixel " + i);
        }
        assertTrue(seen[0] > 0 && seen[1] > 0 && seen[2] > 0, Arrays.toString(seen));
        assertArrayEquals(alone, rest, "what the others leave has no tint");
    }

    private static boolean tinted(byte[] shown, byte[] source, int pixel, double[] tint) {
        return IntStream.range(0, 3).allMatch(c -> {
            double expected = 0.65 * (source[3 * pixel + c] & 255) + 0.35 * tint[c];
            return Math.abs(expected - (shown[3 * pixel + c] & 255)) <= 1.01;
        });
    }

    @Test
    void stepsThatDisagreeTintLess() throws Exception {
        byte[][] one = shown(1, 8, "blend", "jeep", "show", "mask", "threshold", "0.9", "self_replace", "0.5-1");
        byte[][] other = shown(1, 8, "blend", "jeep", "show", "mask", "threshold", "0.9", "self_replace", "0.5");
        byte[][] both = shown(1, 8, "blend", "jeep", "show", "mask", "threshold", "0.9", "self_replace", "1");
        for (int i = 0; i < both[0].length; i++) {
            assertEquals(((one[0][i] & 255) + (other[0][i] & 255)) / 2.0, both[0][i] & 255, 1.01, "the mean over the fused steps");
        }
        assertFalse(Arrays.equals(one[0], other[0]));
    }

    @Test
    void aWordOfTheSourceNeedsNoEditAndOneOfThePromptDoes() throws Exception {
        byte[] jeep = shown(1, 8, "show", "attention=jeep")[0];
        byte[] road = shown(1, 8, "show", "attention:road")[0];
        byte[] both = shown(1, 8, "show", "attention=jeep+silver")[0];
        assertEquals(Set.of("encode", "invert", "decode"), phases);
        byte[] painting = shown(1, 8, "show", "attention=painting")[0];
        assertTrue(phases.contains("edit"));
        assertEquals(4, Set.of(Arrays.hashCode(jeep), Arrays.hashCode(road), Arrays.hashCode(both), Arrays.hashCode(painting)).size());
    }

    @Test
    void attentionIsOverGreyFrames() throws Exception {
        byte[] heat = shown(1, 8, "show", "attention=jeep")[0];
        byte[] source = frame(0, 8);
        double most = 0;
        for (int i = 0; i < source.length; i += 3) {
            double grey = ((source[i] & 255) + (source[i + 1] & 255) + (source[i + 2] & 255)) / 3.0;
            double red = ((heat[i] & 255) - 0.35 * grey) / 0.65;
            most = Math.max(most, red);
            assertTrue(red > 31 && red < 255, "red of the colours is 33 to 253, not " + red);
        }
        assertTrue(most > 200, "every step's maximum is 1, and its mean over two steps not far below: " + most);
    }

    @ParameterizedTest
    @CsvSource({"mask, blend", "attention=jeep, negative"})
    void aKeptInversionShowsTheSame(String show, String other, @TempDir Path folder) throws Exception {
        String[] set = {"show", show, other, "jeep", "inversion", folder.toString()};
        byte[][] first = shown(1, 8, set);
        phases.clear();
        byte[][] second = shown(1, 8, set);
        assertEquals(Set.of("decode"), phases, "neither encoded nor inverted");
        assertArrayEquals(first[0], second[0]);
        assertArrayEquals(first[1], second[1]);
        shown(1, 8, "blend", "jeep", "inversion", folder.toString());
        assertFalse(phases.contains("invert"), "and an edit uses the same");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
        "mask           | blend     |      | blend=, words of the source 'a silver jeep on a road'",
        "mask           | start     | 0    | no noise",
        "attention=jeep | start     | 0    | no noise",
        "attention=cat  | threshold | 0.5  | 'cat' is neither in the source 'a silver jeep on a road' nor in the prompt 'watercolor",
        "attention=+    | threshold | 0.5  | '+' is neither",
        "attention      | threshold | 0.5  | expected edit, mask, compare, or attention=word",
        "heat           | threshold | 0.5  | expected edit, mask, compare, or attention=word",
    })
    void whatCannotBeShown(String show, String name, String value, String told) {
        Map<String, String> set = TinyOptions.of(TINY, "show", show, name, value == null ? "" : value);
        String message = assertThrows(IllegalArgumentException.class, () -> new Engine(set, host)).getMessage();
        assertTrue(message.contains("show=" + show) && message.contains(told), message);
    }
}
