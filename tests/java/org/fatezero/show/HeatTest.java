package org.fatezero.show;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HeatTest {

    private static float[] colour(float heat) {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray colours = Heat.colours(manager.create(new float[] {heat}, new Shape(1, 1, 1, 1)));
            float[] rgb = colours.toFloatArray();
            for (int c = 0; c < rgb.length; c++) {
                rgb[c] = (rgb[c] + 1) * 127.5f;
            }
            return rgb;
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 68, 1, 84", "0.125, 63.5, 41.5, 111.5", "0.5, 33, 145, 140", "1, 253, 231, 37", "1.2, 253, 231, 37", "-1, 68, 1, 84"})
    void coloursLieOnLinesBetweenFive(float heat, float red, float green, float blue) {
        assertArrayEquals(new float[] {red, green, blue}, colour(heat), 0.01f);
    }

    @Test
    void brightnessGrows() {
        double last = 0;
        for (int i = 0; i <= 20; i++) {
            float[] rgb = colour(i / 20f);
            double brightness = 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
            assertTrue(brightness > last, "at " + i / 20f);
            last = brightness;
        }
    }
}
