package org.fatezero.video;

import org.fatezero.Golden;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

/** Against Pillow: equal, not close. The pictures are noise, so that the kernel overshoots. */
class BicubicTest {

    @ParameterizedTest
    @CsvSource({"53,31,24,14", "31,53,31,20", "20,11,45,25", "97,3,40,1", "16,16,16,16", "640,4,36,36"})
    void resizesAsPillowDoes(int width, int height, int toWidth, int toHeight) throws Exception {
        try (Golden golden = new Golden("measures.safetensors")) {
            String name = "resize." + width + "x" + height + "." + toWidth + "x" + toHeight;
            Frame frame = new Frame(width, height, golden.bytes(name + ".in"));
            assertArrayEquals(golden.bytes(name + ".out"), Bicubic.resize(frame, toWidth, toHeight).rgb());
        }
    }
}
