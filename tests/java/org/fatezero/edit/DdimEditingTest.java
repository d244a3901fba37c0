package org.fatezero.edit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;

import org.fatezero.Golden;
import org.fatezero.Tiny;
import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.KeyFrames;
import org.fatezero.forward.Window;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;

class DdimEditingTest {

    private static Tiny tiny;
    private static Tiny exact; // the same in double precision

    @BeforeAll
    static void open() throws Exception {
        tiny = new Tiny();
        exact = new Tiny(DataType.FLOAT64);
    }

    @AfterAll
    static void close() {
        tiny.close();
        exact.close();
    }

    private static NDArray restyled(TinyEdit edit, int height, int width, boolean keep, boolean blend) throws Exception {
        return edit.restyle(edit.latents(height, width), keep, blend, TinyEdit.SILENT);
    }

    @Test
    void inversionThenEditingUnderTheSamePromptReturnsTheLatentTheBetterTheMoreSteps() throws Exception {
        List<Double> errors = new ArrayList<>();
        for (int steps : new int[] {10, 50, 200}) {
            TinyEdit edit = new TinyEdit(tiny, Tiny.context(1, "self"), steps);
            NDArray z0 = edit.latents(8, 8);
            try (NDManager window = z0.getManager()) {
                errors.add(Golden.relativeError(z0, edit.reconstruct(z0)));
            }
        }
        System.getLogger("reconstruction").log(System.Logger.Level.INFO, "relative errors for T = 10, 50, 200: " + errors);
        assertTrue(errors.get(0) > errors.get(1) && errors.get(1) > errors.get(2), errors.toString());
        assertTrue(errors.get(2) < 0.5, errors.toString());
    }

    private static NDArray single(NDArray x) {
        return x.toType(DataType.FLOAT32, true);
    }

    @ParameterizedTest
    @CsvSource({"1, 8, 8, self, false", "1, 12, 20, mid, true", "3, 13, 18, self mid, false", "3, 20, 12, -1 first, true",
        "2, 6, 16, mid, true"})
    void keepingAndRecomputingTheSourcesAttentionAreTheSame(int frames, int height, int width, String keys, boolean blend)
            throws Exception {
        TinyEdit edit = new TinyEdit(exact, Tiny.context(frames, keys.split(" ")), 3, frames > 2);
        NDArray kept = restyled(edit, height, width, true, blend);
        NDArray recomputed = restyled(edit, height, width, false, blend);
        Golden.assertClose(single(kept), single(recomputed), 1e-6, "recomputed");
        NDArray z0 = edit.latents(height, width);
        Golden.assertClose(single(kept), single(edit.restyleSequentially(z0, blend)), 1e-6, "in turn");
        assertTrue(Golden.relativeError(single(edit.latents(height, width)), single(kept)) > 0.01, "an edit changes its clip");
    }

    @Test
    void oneFramesWindowsAreTheWindowOfManyFramesThatSeeOnlyThemselves() throws Exception {
        TinyEdit alone = new TinyEdit(exact, Tiny.context(1, "self"), 3);
        TinyEdit together = new TinyEdit(exact, Tiny.context(3, "self"), 3);
        NDArray z0 = together.latents(8, 12);
        NDArray edited = together.restyle(z0, true, true, TinyEdit.SILENT);
        for (int i = 0; i < 3; i++) {
            NDArray one = alone.restyle(z0.get("{}:{}", i, i + 1).duplicate(), true, true, TinyEdit.SILENT);
            Golden.assertClose(single(edited.get("{}:{}", i, i + 1)), single(one), 1e-6, "frame " + i);
        }
    }

    @Test
    void framesThatSeeOthersAreOtherwiseThanAlone() throws Exception {
        TinyEdit self = new TinyEdit(tiny, Tiny.context(3, "self"), 2);
        TinyEdit mid = new TinyEdit(tiny, Tiny.context(3, "mid"), 2);
        TinyEdit window = new TinyEdit(tiny, ForwardContext.of(new Window(3, new KeyFrames(List.of("self"), 3), 64, false, true)), 2);
        NDArray apart = restyled(self, 8, 8, true, false);
        assertTrue(Golden.relativeError(apart, restyled(mid, 8, 8, true, false)) > 1e-4, "keys");
        assertTrue(Golden.relativeError(apart, restyled(window, 8, 8, true, false)) > 1e-4, "norm");
    }

    @Test
    void blendingStaysNearerToTheSource() throws Exception {
        TinyEdit edit = new TinyEdit(tiny, Tiny.context(2, "mid"), 10);
        NDArray z0 = edit.latents(16, 16);
        double everywhere = Golden.relativeError(z0, edit.restyle(z0, true, false, TinyEdit.SILENT));
        double confined = Golden.relativeError(z0, edit.restyle(z0, true, true, TinyEdit.SILENT));
        assertTrue(confined < everywhere, confined + " of " + everywhere);
    }

    @Test
    void progressIsToldStepByStepAndMayEndTheEdit() throws Exception {
        TinyEdit edit = new TinyEdit(tiny, Tiny.context(1, "self"), 3);
        List<Integer> told = new ArrayList<>();
        edit.restyle(edit.latents(8, 8), true, false, (step, steps) -> told.add(step));
        assertEquals(List.of(0, 1, 2, 0, 1, 2), changes(told));
        assertTrue(told.size() > 6 * 32, "also within a step");
        assertThrows(CancellationException.class, () -> edit.restyle(edit.latents(8, 8), true, false, (step, steps) -> {
            if (step == 2) {
                throw new CancellationException();
            }
        }));
    }

    private static List<Integer> changes(List<Integer> values) {
        List<Integer> changes = new ArrayList<>();
        for (int value : values) {
            if (changes.isEmpty() || changes.get(changes.size() - 1) != value) {
                changes.add(value);
            }
        }
        return changes;
    }
}
