package org.fatezero.inversion;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.Golden;
import org.fatezero.Tiny;
import org.fatezero.diffusion.Schedule;
import org.fatezero.forward.AttentionHook;
import org.fatezero.forward.KeyFrames;
import org.fatezero.forward.Pass;
import org.fatezero.forward.Site;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.List;

class DdimInversionTest {

    private static final int STEPS = 4;
    private static final Pass PASS = Tiny.pass(2, "self", "mid");

    private static Tiny tiny;

    @BeforeAll
    static void open() throws Exception {
        tiny = new Tiny();
    }

    @AfterAll
    static void close() {
        tiny.close();
    }

    private static Trajectory invert(NDArray z0, Needs needs) throws Exception {
        return invert(z0, needs, Tiny.schedule(STEPS));
    }

    private static Trajectory invert(NDArray z0, Needs needs, Schedule schedule) {
        return new DdimInversion(tiny.unet, schedule, tiny.torch)
                .run(z0, tiny.text("a silver jeep"), PASS, List.of(needs), (step, steps) -> { });
    }

    private static List<Site> sites(NDArray z0) {
        List<Site> sites = new ArrayList<>();
        AttentionHook recording = (site, q, k, v, kernel) -> {
            sites.add(site);
            return kernel.apply(q, k, v);
        };
        tiny.unet.forward(z0, 1, tiny.text("a silver jeep"), PASS.with(recording)).close();
        return sites;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void eachLevelFollowsFromTheOneBeforeAtTheTimestepItGoesTo(boolean implicit) throws Exception {
        Schedule schedule = Tiny.schedule(STEPS, implicit);
        try (NDManager window = tiny.manager.newSubManager()) {
            NDArray z0 = tiny.normal(window, 2, 4, 8, 12);
            Trajectory trajectory = invert(z0, new Needs(0, STEPS, 0, 64, true, new int[] {2}, 16), schedule);
            assertEquals(STEPS + 1, trajectory.latents().size());
            assertSame(z0, trajectory.latents().get(0));
            assertSame(trajectory.latents().get(STEPS), trajectory.zT());
            for (int k = 0; k < STEPS; k++) {
                NDArray z = trajectory.latents().get(k);
                NDArray input = implicit ? trajectory.input(schedule, k) : z;
                NDArray epsilon = tiny.unet.forward(input, schedule.timestep(k), tiny.text("a silver jeep"), PASS);
                Golden.assertClose(schedule.invert(z, epsilon, k), trajectory.latents().get(k + 1), 1e-5, "level " + (k + 1));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void keepsWhatEditingNeedsAndNoMore(boolean keep) throws Exception {
        try (NDManager window = tiny.manager.newSubManager()) {
            NDArray z0 = tiny.normal(window, 2, 4, 8, 12);
            Needs needs = new Needs(1, 3, 2, 6, keep, new int[0], 16);
            Trajectory trajectory = invert(z0, needs);
            int kept = 0;
            for (Site site : sites(z0)) {
                for (int k = 0; k < STEPS; k++) {
                    Capture capture = trajectory.captures().get(k);
                    boolean wanted = keep && site.positions() <= 36 && (site.cross() ? k >= 2 : k == 1 || k == 2);
                    Object found = site.cross() ? capture.cross(site) : capture.self(site);
                    if (wanted) {
                        assertNotNull(found, site.name() + " in step " + k);
                        kept += site.cross() ? 1 : 2;
                    } else {
                        assertNull(found, site.name() + " in step " + k);
                    }
                    assertNull(capture.maskInput(needs));
                }
            }
            int latents = STEPS + 1;
            assertEquals(latents + kept, window.getManagedArrays().size(), "nothing else stays in the window");
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 4, 0, 64, true", "1, 3, 2, 6, true", "0, 4, 4, 64, true", "4, 4, 0, 12, true", "0, 4, 0, 64, false"})
    void theBytesOfWhatIsKeptAreKnownBefore(int selfFrom, int selfTo, int crossFrom, int fuseAt, boolean keep) throws Exception {
        for (Pass pass : List.of(PASS, Tiny.pass(3, "mid"), new Pass(3, new KeyFrames(List.of("-1", "first"), 3), 6, true, false, AttentionHook.PLAIN))) {
            try (NDManager window = tiny.manager.newSubManager()) {
                NDArray z0 = tiny.normal(window, pass.frames(), 4, 9, 12);
                List<Needs> needs = List.of(new Needs(selfFrom, selfTo, crossFrom, fuseAt, keep, new int[0], 16));
                Trajectory trajectory = new DdimInversion(tiny.unet, Tiny.schedule(STEPS), tiny.torch)
                        .run(z0, tiny.text("a silver jeep"), pass, needs, (step, steps) -> { });
                long latents = trajectory.latents().stream().mapToLong(z -> 4 * z.size()).sum();
                long all = window.getManagedArrays().stream().mapToLong(array -> 4 * array.size()).sum();
                assertEquals(all - latents, Capture.bytes(tiny.unet.config(), 9, 12, pass, 77, STEPS, needs, DataType.FLOAT32));
            }
        }
    }

    @Test
    void whatIsKeptHasTheShapesOfItsSite() throws Exception {
        try (NDManager window = tiny.manager.newSubManager()) {
            NDArray z0 = tiny.normal(window, 2, 4, 8, 12);
            Needs needs = new Needs(0, STEPS, 0, 64, true, new int[] {2}, 4);
            Capture capture = invert(z0, needs).captures().get(0);
            for (Site site : sites(z0)) {
                if (site.cross()) {
                    assertEquals(new Shape(1, 2, 2L * site.positions(), 77), capture.cross(site).getShape());
                } else {
                    assertEquals(2L * site.positions(), capture.self(site).queries().getShape().get(1));
                    assertEquals(2L * site.positions(), capture.self(site).keys().getShape().get(1));
                }
            }
            assertEquals(new Shape(2, 1, 4, 6), capture.maskInput(needs).sum().getShape());
        }
    }
}
