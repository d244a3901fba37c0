package org.fatezero.metrics;

import org.fatezero.Clips;
import org.fatezero.Golden;
import org.fatezero.video.Frame;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.List;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

/** Against scikit-image. */
class FidelityTest {

    @Test
    void measuresWholeFramesAndBothSidesOfAMask() throws Exception {
        try (Golden golden = new Golden("measures.safetensors")) {
            List<Frame> source = Clips.frames(golden, "source");
            List<Frame> edited = Clips.frames(golden, "edited");
            byte[] masks = golden.bytes("mask");
            Fidelity fidelity = new Fidelity();
            for (int i = 0; i < source.size(); i++) {
                fidelity.add(source.get(i), edited.get(i), Clips.grey(masks, i));
            }
            assertClose(golden, "whole", fidelity.whole());
            assertClose(golden, "inside", fidelity.inside());
            assertClose(golden, "outside", fidelity.outside());
        }
    }

    private static void assertClose(Golden golden, String part, Fidelity.Figures figures) throws IOException {
        assertEquals(golden.array("psnr." + part).toFloatArray()[0], figures.psnr(), 1e-5);
        assertEquals(golden.array("ssim." + part).toFloatArray()[0], figures.ssim(), 1e-6);
    }

    @Test
    void equalClipsHaveNumbers() {
        Frame frame = new Frame(16, 12, new byte[576]);
        Fidelity fidelity = new Fidelity();
        fidelity.add(frame, frame, null);
        assertEquals(78.13, fidelity.whole().psnr(), 0.01);
        assertEquals(1, fidelity.whole().ssim(), 1e-12);
        assertEquals(fidelity.whole(), fidelity.outside());
        assertNull(fidelity.inside().psnr());
        assertNull(fidelity.inside().ssim());
    }

    @Test
    void halfGreyOfAMaskIsWhite() {
        Frame frame = new Frame(2, 1, new byte[6]);
        Fidelity fidelity = new Fidelity();
        fidelity.add(frame, new Frame(2, 1, new byte[] {10, 10, 10, 0, 0, 0}),
                new Frame(2, 1, new byte[] {-128, -128, -128, 127, -128, -128}));
        assertEquals(28.13, fidelity.inside().psnr(), 0.01);
        assertEquals(78.13, fidelity.outside().psnr(), 0.01);
    }

    @Test
    void framesSmallerThanAWindowHaveNoSsim() {
        Frame frame = new Frame(10, 20, new byte[600]);
        Fidelity fidelity = new Fidelity();
        fidelity.add(frame, frame, null);
        assertNull(fidelity.whole().ssim());
    }

    @Test
    void sizesMustAgree() {
        Frame frame = new Frame(2, 1, new byte[6]);
        Frame other = new Frame(1, 2, new byte[6]);
        assertEquals("the frames have different sizes: the source's are 1x2, the edit's 2x1",
                assertThrows(IllegalArgumentException.class, () -> new Fidelity().add(other, frame, null)).getMessage());
        assertEquals("the frames have different sizes: the source's are 2x1, the edit's 2x1, the mask's 1x2",
                assertThrows(IllegalArgumentException.class, () -> new Fidelity().add(frame, frame, other)).getMessage());
    }
}
