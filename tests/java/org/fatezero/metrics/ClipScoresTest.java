package org.fatezero.metrics;

import org.fatezero.Clips;
import org.fatezero.Golden;
import org.fatezero.clip.Clip;

import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

class ClipScoresTest {

    /** Against transformers, from the pixels on. */
    @Test
    void scoresAClip() throws Exception {
        try (Golden golden = new Golden("measures.safetensors"); Clip clip = new Clip(Golden.FOLDER.resolve("clip"))) {
            ClipScores scores = new ClipScores(clip.text(clip.encode("a silver jeep driving down a curvy road in the countryside")),
                    clip.text(clip.encode("an oil painting of a jeep")));
            for (float[] vector : clip.images(Clips.frames(golden, "edited"))) {
                scores.add(vector);
            }
            assertEquals(golden.array("tem_con").toFloatArray()[0], scores.temCon(), 1e-5);
            assertEquals(0.75, scores.frameAcc());
            assertEquals(golden.array("frame_acc").toFloatArray()[0], scores.frameAcc(), 1e-6);
        }
    }

    @Test
    void lengthsDoNotMatter() {
        ClipScores scores = new ClipScores(new float[] {5, 0}, new float[] {0, 0.1f});
        scores.add(new float[] {1, 2});
        scores.add(new float[] {20, 40});
        scores.add(new float[] {-2, -4});
        assertEquals(0, scores.temCon(), 1e-12);
        assertEquals(2 / 3.0, scores.frameAcc(), 1e-12);
    }

    @Test
    void whatCannotBeToldIsNull() {
        ClipScores scores = new ClipScores(null, null);
        assertNull(scores.frameAcc());
        scores.add(new float[] {1});
        assertNull(scores.temCon());
        assertNull(scores.frameAcc());
    }
}
