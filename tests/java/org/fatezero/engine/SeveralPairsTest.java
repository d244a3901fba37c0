package org.fatezero.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.fatezero.TinyOptions;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/** Several things that one edit changes. */
class SeveralPairsTest {

    private static final int ROW = 32 * 3;
    private static final int ROWS = 24;

    private final List<String> warnings = new ArrayList<>();

    private String edited(String... set) throws Exception {
        Map<String, String> options = TinyOptions.of("tests/golden/tiny", set);
        options.put("source", "a silver jeep on a road");
        options.put("prompt", "{edited}");
        options.put("steps", "4");
        ByteBuffer[] frames = new ByteBuffer[2];
        for (int i = 0; i < frames.length; i++) {
            frames[i] = ByteBuffer.allocateDirect(ROW * ROWS);
            for (int j = 0; j < ROW * ROWS; j++) {
                frames[i].put(j, (byte) (40 * i + j / 3 % 97 + j / ROW * 7));
            }
        }
        try (Engine engine = new Engine(options, new TinyOptions.Silent() {
            @Override
            public void log(int level, String message) {
                if (level == WARNING) {
                    warnings.add(message);
                }
            }
        })) {
            engine.edit(frames, new int[] {ROW, ROW}, frames, new int[] {ROW, ROW}, 32, ROWS, 8);
        }
        StringBuilder text = new StringBuilder();
        for (ByteBuffer frame : frames) {
            byte[] bytes = new byte[frame.capacity()];
            frame.get(0, bytes);
            text.append(HexFormat.of().formatHex(bytes));
        }
        return text.toString();
    }

    @ParameterizedTest
    @ValueSource(strings = {"keep", "recompute"})
    void theOrderOfPairsDoesNotMatter(String store) throws Exception {
        String one = edited("from", "jeep|road", "to", "car|river", "blend", "{from}/{to}", "threshold", "0.9|0.8",
                "self_replace", "0.8|0.2|0.6", "blend_latents", "0.2-1", "confine", "0.9", "store", store);
        assertEquals(one, edited("from", "road|jeep", "to", "river|car", "blend", "{from}/{to}", "threshold", "0.8|0.9",
                "self_replace", "0.8|0.6|0.2", "blend_latents", "0.2-1", "confine", "0.9", "store", store));
        assertNotEquals(one, edited("from", "road|jeep", "to", "river|car", "blend", "{from}/{to}", "threshold", "0.8|0.9",
                "self_replace", "0.8|0.2|0.6", "blend_latents", "0.2-1", "confine", "0.9", "store", store), "shares are of a pair");
    }

    @Test
    void aListOfOneIsTheOneAlone() throws Exception {
        String[] single = {"from", "jeep", "to", "car", "blend", "{from}/{to}", "threshold", "0.5", "self_replace", "0.5",
            "blend_latents", "0.2-1"};
        String[] shares = single.clone();
        shares[9] = "0.5|0";
        assertEquals(edited(single), edited(shares));
    }

    @Test
    void theRestIsARegionOfItsOwn() throws Exception {
        String[] both = {"from", "jeep|", "to", "car|in the snow", "blend", "{from}/{to}", "threshold", "0.9", "self_replace", "0|0.4|0.8",
            "blend_latents", "0"};
        String[] outside = {"from", "jeep|", "to", "car|in the snow", "blend", "jeep", "threshold", "0.9", "self_replace", "0.8|0.4",
            "blend_latents", "0"};
        assertEquals(edited(both), edited(outside), "it is all that is outside of the others");
    }

    @Test
    void aRegionWithoutAWordOfTheSourceCannotBeOneOfSeveral() {
        String message = assertThrows(IllegalArgumentException.class,
                () -> edited("from", "jeep", "to", "car", "blend", "/car|jeep", "blend_latents", "0.2-0.8", "parity", "1")).getMessage();
        assertTrue(message.contains("/car names no word of the source") && message.contains("each needs one"), message);
    }

    /** Its masks would be made of the edit's words as it goes, which the authors' code does not do. */
    @Test
    void confineWithParityNeedsAWordOfTheSource() {
        String message = assertThrows(IllegalArgumentException.class,
                () -> edited("from", "jeep", "to", "car", "blend", "/car", "blend_latents", "0.2-0.8", "parity", "1", "confine", "1"))
                .getMessage();
        assertTrue(message.contains("confine=1.0") && message.contains("parity=1") && message.contains("some before a slash"), message);
    }

    /** A preset confines what its own blend names; beside another there may be nothing to confine. */
    @ParameterizedTest
    @CsvSource({"jeep, blend=jeep names no words of the prompt", "-road, blend=-road names no words of the prompt", "'', without blend="})
    void confineWithoutWordsChangesNothing(String blend, String told) throws Exception {
        assertEquals(edited("from", "jeep", "to", "car", "blend", blend),
                edited("from", "jeep", "to", "car", "blend", blend, "confine", "1"));
        assertTrue(warnings.get(0).startsWith("confine=1.0 changes nothing") && warnings.get(0).contains(told), warnings.toString());
        assertEquals(1, warnings.size());
    }

    /** Without a mask in self-attention, that of all of the frame is as outside. */
    @Test
    void withoutBlendAttentionTheFirstShareIsOfAll() throws Exception {
        String[] shares = {"from", "jeep", "to", "car", "blend", "jeep", "blend_attention", "0", "blend_latents", "0.2-1",
            "self_replace", "0.2|0.8"};
        String[] one = shares.clone();
        one[11] = "0.2";
        assertEquals(edited(one), edited(shares));
    }

    /** A preset of a stranger's may list what it likes, and all regions are set against each other. */
    @Test
    void regionsAreNotWithoutEnd() {
        String blend = "jeep|".repeat(16) + "-";
        String message = assertThrows(IllegalArgumentException.class, () -> edited("from", "jeep", "to", "car", "blend", blend))
                .getMessage();
        assertEquals("blend names 17 regions: expected at most 16", message);
    }

    /** Keys and values that are injected in no step leave the attention of all steps to {@code self_replace}. */
    @ParameterizedTest
    @CsvSource({"0.5-0.5, 0.8", "0.6-0.7, 1"})
    void noKeysAndValuesLeaveTheMapsAlone(String keyValues, String self) throws Exception {
        String[] infusion = {"from", "jeep", "to", "car", "method", "infusion", "self_replace", self, "inject_kv", "0"};
        String[] empty = infusion.clone();
        empty[9] = keyValues;
        assertEquals(edited(infusion), edited(empty));
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "-|-; 0.3; 0.8; 0; expected - once at most, beside regions of words",
        "jeep|-road; 0.3; 0.8; 0; of several regions one may be -",
        "jeep|road; 0.3|0.4|0.5; 0.8; 0; threshold=0.3|0.4|0.5 has 3 values: expected one, or 2",
        "jeep|road; 0.3; 0.8|0.5; 0; self_replace=0.8|0.5 has 2 values: expected one, or 3",
        "''; 0.3; 0.8|0.5; 0; self_replace=0.8|0.5 has 2 values: expected one"})
    void regionsThatCannotBe(String blend, String threshold, String self, String confine, String told) {
        String message = assertThrows(IllegalArgumentException.class, () -> edited("from", "jeep", "to", "car", "blend", blend,
                "threshold", threshold, "self_replace", self, "confine", confine)).getMessage();
        assertTrue(message.contains(told), message);
    }
}
