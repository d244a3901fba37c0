package org.fatezero.text;

import ai.djl.ndarray.NDArray;

import org.fatezero.Golden;

import org.junit.jupiter.api.Test;

import java.util.Arrays;

/** Against transformers' CLIPTextModel on the tiny checkpoint. */
class TextEncoderTest {

    @Test
    void encodesToTheReferenceState() throws Exception {
        try (Golden golden = new Golden("modules.safetensors")) {
            TextEncoder encoder = new TextEncoder(TextEncoder.Config.read(Golden.config("text_encoder")),
                    golden.weights("text_encoder"));
            int[] ids = golden.integers("text.ids");
            NDArray expected = golden.array("text.out"); // (prompts, 77, width)
            for (int i = 0; i < expected.getShape().get(0); i++) {
                NDArray state = encoder.forward(golden.manager, Arrays.copyOfRange(ids, i * 77, (i + 1) * 77));
                Golden.assertClose(expected.get("{}:{}", i, i + 1), state, 1e-4, "prompt " + i);
            }
        }
    }
}
