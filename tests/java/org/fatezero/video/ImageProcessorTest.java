package org.fatezero.video;

import ai.djl.ndarray.types.Shape;

import org.fatezero.Clips;
import org.fatezero.Golden;
import org.fatezero.io.ModelConfig;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

/** Against transformers' CLIPImageProcessor. */
class ImageProcessorTest {

    @Test
    void preparesWideAndTallFrames() throws Exception {
        try (Golden golden = new Golden("measures.safetensors")) {
            ImageProcessor processor = ImageProcessor.read(new ModelConfig(Path.of("tests/golden/clip/preprocessor_config.json")));
            FloatBuffer wide = FloatBuffer.allocate(4 * 3 * 32 * 32);
            Clips.frames(golden, "edited").forEach(frame -> processor.write(frame, wide));
            Golden.assertClose(golden.array("pixels.edited"), golden.manager.create(wide.array(), new Shape(4, 3, 32, 32)), 1e-6, "wide");
            FloatBuffer tall = FloatBuffer.allocate(3 * 32 * 32);
            processor.write(new Frame(37, 61, golden.bytes("tall")), tall);
            Golden.assertClose(golden.array("pixels.tall"), golden.manager.create(tall.array(), new Shape(1, 3, 32, 32)), 1e-6, "tall");
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "{} | 224 | 0 | 224",
        "{'size': 256, 'crop_size': 240} | 256 | 0 | 240",
        "{'size': {'shortest_edge': 40}, 'crop_size': {'height': 32, 'width': 32}} | 40 | 0 | 32",
        "{'size': {'height': 64, 'width': 48}, 'crop_size': 32} | 0 | 48 | 32"})
    void readsSizesInAllTheirWritings(String json, int shortSide, int width, int crop) throws Exception {
        ImageProcessor processor = read(json);
        assertEquals(shortSide, processor.shortSide());
        assertEquals(width, processor.width());
        assertEquals(crop, processor.crop());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "{'resample': 2} | resample is 2, expected 3, bicubic",
        "{'do_center_crop': false} | size is null, expected a square of 1 to 4096 pixels, since nothing is cut out",
        "{'image_processor_type': 'BlipImageProcessor', 'size': {'height': 32, 'width': 48}} | size is {\"height\":32,\"width\":48}, "
            + "expected a square of 1 to 4096 pixels, since nothing is cut out",
        "{'size': {'shortest_edge': 40}} | size is {\"shortest_edge\":40}, expected crop_size, which is 224, to 4096",
        "{'size': {'width': 300}} | size.height is missing",
        "{'size': {'shortest_edge': 'x'}} | size.shortest_edge is \"x\", expected a number",
        "{'crop_size': {'height': 32, 'width': 48}} | crop_size is {\"height\":32,\"width\":48}, expected a square",
        "{'image_std': [1, 0, 1]} | image_std is [1,0,1], expected positive numbers",
        "{'image_mean': [1, 0]} | image_mean is [1,0], expected 3 numbers"})
    void namesWhatIsNotDone(String json, String expected) {
        assertEquals("preprocessor_config.json: " + expected, assertThrows(IOException.class, () -> read(json)).getMessage());
    }

    private static ImageProcessor read(String json) throws IOException {
        return ImageProcessor.read(new ModelConfig(Path.of("preprocessor_config.json"), json.replace('\'', '"')));
    }
}
