package org.fatezero.inversion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.fatezero.Golden;
import org.fatezero.Tiny;
import org.fatezero.diffusion.Schedule;
import org.fatezero.edit.fatezero.FusedSteps;
import org.fatezero.forward.ForwardContext;

import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;

class ReconstructionTest {

    private static final int STEPS = 3;
    private static final ForwardContext PASS = Tiny.context(2, "mid");

    /** As in an edit. */
    @Test
    void stepsThatAreNotGuidedNeedNoUnconditionalPass() throws Exception {
        try (Tiny tiny = new Tiny(); NDManager window = tiny.manager.newSubManager()) {
            NDArray zT = tiny.normal(window, 2, 4, 8, 12);
            NDArray text = tiny.text("a silver jeep", "");
            Reconstruction reconstruction = new Reconstruction(tiny.unet, Tiny.schedule(STEPS), tiny.torch);
            List<NDArray> made = new ArrayList<>();
            for (int from : new int[] {0, 2, STEPS}) {
                made.add(reconstruction.run(zT, text.get("0:1"), text.get("1:2"), 7.5, k -> k >= from, PASS, List.of(),
                        (step, steps) -> { }).latents().get(0));
            }
            made.add(reconstruction.run(zT, text.get("0:1"), text.get("1:2"), 1, k -> true, PASS, List.of(), (step, steps) -> { })
                    .latents().get(0));
            assertEquals(made.get(2), made.get(3));
            assertNotEquals(made.get(0), made.get(1));
            assertNotEquals(made.get(1), made.get(2));
        }
    }

    @Test
    void goesFromNoiseToCleanUnderGuidanceAndCapturesThePromptedHalf() throws Exception {
        try (Tiny tiny = new Tiny(); NDManager window = tiny.manager.newSubManager()) {
            Schedule schedule = Tiny.schedule(STEPS);
            NDArray zT = tiny.normal(window, 2, 4, 8, 12);
            NDArray text = tiny.text("a silver jeep", "");
            NDArray source = text.get("0:1");
            NDArray none = text.get("1:2");
            List<Integer> told = new ArrayList<>();
            Trajectory trajectory = new Reconstruction(tiny.unet, schedule, tiny.torch).run(zT, source, none, 7.5, k -> true, PASS,
                    List.of(new CaptureSpec(new FusedSteps(1, 3, 3, 64), true, List.of())), (step, steps) -> told.add(step));
            int there = window.getManagedArrays().size();
            assertSame(zT, trajectory.zT());
            assertEquals(List.of(0, 1, 2), told.stream().distinct().toList());
            int captured = 0;
            for (int k = STEPS - 1; k >= 0; k--) {
                NDArray z = trajectory.input(schedule, k);
                assertEquals(trajectory.latents().get(k + 1), z);
                List<NDArray> queries = new ArrayList<>();
                NDArray epsilon = tiny.unet.forward(z, schedule.timestep(k), none, PASS);
                AttentionStore store = trajectory.attention().get(k);
                int step = k;
                NDArray prompted = tiny.unet.forward(z, schedule.timestep(k), source, PASS.and((site, q, keys, v, kernel) -> {
                    if (!site.cross() && step >= 1) {
                        assertNotNull(store.get(site.name(), Kept.KEYS), site.name());
                        Golden.assertClose(q, store.get(site.name(), Kept.QUERIES), 1e-5, "queries of " + site.name());
                        queries.add(q);
                    } else {
                        assertNull(store.get(site.name(), site.cross() ? Kept.MAP : Kept.QUERIES), site.name());
                    }
                    return kernel.apply(q, keys, v);
                }));
                captured += 2 * queries.size();
                NDArray guided = epsilon.add(prompted.sub(epsilon).mul(7.5));
                Golden.assertClose(schedule.denoise(z, guided, k), trajectory.latents().get(k), 1e-4, "level " + k);
            }
            assertEquals(STEPS + 1 + captured, there, "nothing else stays in the window");
        }
    }
}
