package org.fatezero.options;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.Map;

class OptionsTest {

    @Test
    void theDefaultsAreTheDocumentedOnes() {
        assertEquals(new Options("watercolor", "", "auto", "", "", "auto", "auto", "", "", "", "", "pocket", "", "auto", "auto", 8, "exact",
                50, "ddim", 0, "1", 0.5, 1, 0, "0.8", "0.8", "refine", "", "", "0.3", true, true, "0", true, 0, false, "anchor", 3, "32",
                32, 0.7, 1, "fatezero", "0", "up1.1", 1, "0", "maps", "inversion", "frame", false, 0, "auto", "", 0, "edit"),
                Options.of(Map.of()));
    }

    @Test
    void whatIsSetIsReadWithSpacesAroundNumbers() {
        Options options = Options.of(
                Map.of("window", " 4", "guidance", "1.5 ", "blend_attention", "no", "parity", "true", "prompt", " a "));
        assertEquals(4, options.window());
        assertEquals(1.5, options.guidance());
        assertTrue(!options.blend_attention() && options.parity());
        assertEquals(" a ", options.prompt());
        assertFalse(Options.of(Map.of("parity", "no")).parity());
    }

    @ParameterizedTest
    @CsvSource({"window, 1, 128", "steps, 1, 1000", "threshold, 0, 2", "strength, 0, 1", "start, 0, 1", "forget, 0, 1", "keys_at, 0, 4096",
        "fuse_at, 0, 4096", "size, 0, 4096", "inject_weight, 0, 1", "confine, 0, 1"})
    void aNumberOutOfItsRangeIsToldWithTheRange(String name, int least, int most) {
        Options.of(Map.of(name, Integer.toString(least)));
        Options.of(Map.of(name, Integer.toString(most)));
        for (int wrong : new int[] {least - 1, most + 1, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
            fails(name, Integer.toString(wrong), name + "=" + wrong, "expected " + least + " to " + most);
        }
    }

    @ParameterizedTest
    @CsvSource({"window, 2.5, a whole number", "steps, many, a whole number", "steps, 99999999999, a whole number",
        "guidance, '', a number", "guidance, NaN, 1 to 50", "guidance, 0.99, 1 to 50", "guidance, 50.1, 1 to 50", "guidance, -0.1, 1 to 50",
        "threshold, -0.001, 0 to 2", "parity, 2, 0 or 1", "device, tpu, cuda", "device, cuda:x, cuda", "device, cuda:, cuda",
        "precision, fp8, auto or fp32 or fp16 or bf16", "control, swap, refine or replace",
        "attention, editing, inversion or reconstruction", "method, p2p, fatezero or infusion", "fuse, all, maps or outputs",
        "norm, batch, frame or window", "store, disk, auto or keep or recompute"})
    void aValueOfAnotherKindIsToldWithWhatIsExpected(String name, String value, String expected) {
        fails(name, value, name + "=" + value, "expected", expected);
    }

    @Test
    void anUnknownOptionIsToldWithThoseThereAre() {
        fails("windows", "8", "unknown option windows", String.join(", ", Options.names()));
    }

    private static void fails(String name, String value, String... told) {
        String message = assertThrows(IllegalArgumentException.class, () -> Options.of(Map.of(name, value))).getMessage();
        for (String text : told) {
            assertTrue(message.contains(text), message);
        }
    }
}
