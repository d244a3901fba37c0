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
import org.fatezero.edit.fatezero.FusedSteps;
import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.ForwardHook;
import org.fatezero.forward.KeyFrames;
import org.fatezero.forward.Site;
import org.fatezero.forward.Window;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

class DdimInversionTest {

    private static final int STEPS = 4;
    private static final ForwardContext PASS = Tiny.context(2, "self", "mid");

    private static Tiny tiny;

    @BeforeAll
    static void open() throws Exception {
        tiny = new Tiny();
    }

    @AfterAll
    static void close() {
        tiny.close();
    }

    private static CaptureSpec spec(int selfFrom, int selfTo, int crossFrom, int fuseAt, boolean keep, TokenSet... tokens) {
        return new CaptureSpec(new FusedSteps(selfFrom, selfTo, crossFrom, fuseAt), keep, List.of(tokens));
    }

    private static Trajectory invert(NDArray z0, CaptureSpec spec) throws Exception {
        return invert(z0, spec, Tiny.schedule(STEPS));
    }

    private static Trajectory invert(NDArray z0, CaptureSpec spec, Schedule schedule) {
        return new DdimInversion(tiny.unet, schedule, tiny.torch)
                .run(z0, tiny.text("a silver jeep"), PASS, List.of(spec), (step, steps) -> { });
    }

    private static List<Site> sites(NDArray z0) {
        List<Site> sites = new ArrayList<>();
        ForwardHook recording = (site, q, k, v, kernel) -> {
            sites.add(site);
            return kernel.apply(q, k, v);
        };
        tiny.unet.forward(z0, 1, tiny.text("a silver jeep"), PASS.and(recording)).close();
        return sites;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void eachLevelFollowsFromTheOneBeforeAtTheTimestepItGoesTo(boolean implicit) throws Exception {
        Schedule schedule = Tiny.schedule(STEPS, implicit);
        try (NDManager window = tiny.manager.newSubManager()) {
            NDArray z0 = tiny.normal(window, 2, 4, 8, 12);
            Trajectory trajectory = invert(z0, spec(0, STEPS, 0, 64, true, TokenSet.of(new int[] {2}, 16)), schedule);
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
            CaptureSpec spec = spec(1, 3, 2, 6, keep);
            Trajectory trajectory = invert(z0, spec);
            int kept = 0;
            for (Site site : sites(z0)) {
                for (int k = 0; k < STEPS; k++) {
                    AttentionStore store = trajectory.attention().get(k);
                    boolean wanted = keep && site.positions() <= 36 && (site.cross() ? k >= 2 : k == 1 || k == 2);
                    Object found = store.get(site.name(), site.cross() ? Kept.MAP : Kept.QUERIES);
                    if (wanted) {
                        assertNotNull(found, site.name() + " in step " + k);
                        kept += site.cross() ? 1 : 2;
                    } else {
                        assertNull(found, site.name() + " in step " + k);
                    }
                    assertNull(store.get(site.name(), Kept.VALUES));
                    assertNull(store.tokens(TokenSet.of(new int[] {2}, 16)));
                }
            }
            int latents = STEPS + 1;
            assertEquals(latents + kept, window.getManagedArrays().size(), "nothing else stays in the window");
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 4, 0, 64, true", "1, 3, 2, 6, true", "0, 4, 4, 64, true", "4, 4, 0, 12, true", "0, 4, 0, 64, false"})
    void theBytesOfWhatIsKeptAreKnownBefore(int selfFrom, int selfTo, int crossFrom, int fuseAt, boolean keep) throws Exception {
        ForwardContext previousAndFirst = ForwardContext.of(new Window(3, new KeyFrames(List.of("-1", "first"), 3), 6, true, false));
        for (ForwardContext context : List.of(PASS, Tiny.context(3, "mid"), previousAndFirst)) {
            try (NDManager window = tiny.manager.newSubManager()) {
                NDArray z0 = tiny.normal(window, context.frames(), 4, 9, 12);
                List<CaptureSpec> specs = List.of(spec(selfFrom, selfTo, crossFrom, fuseAt, keep));
                Trajectory trajectory = new DdimInversion(tiny.unet, Tiny.schedule(STEPS), tiny.torch)
                        .run(z0, tiny.text("a silver jeep"), context, specs, (step, steps) -> { });
                long latents = trajectory.latents().stream().mapToLong(z -> 4 * z.size()).sum();
                long all = window.getManagedArrays().stream().mapToLong(array -> 4 * array.size()).sum();
                assertEquals(all - latents,
                        AttentionStore.bytes(tiny.unet.config(), 9, 12, context.window(), 77, STEPS, specs, DataType.FLOAT32));
            }
        }
    }

    /** And what is given back has the precision that was asked for. */
    @Test
    void halvedItIsHalfAsMuch() throws Exception {
        try (NDManager window = tiny.manager.newSubManager()) {
            NDArray z0 = tiny.normal(window, 2, 4, 9, 12);
            CaptureSpec whole = spec(0, 4, 0, 64, true);
            Trajectory trajectory = new DdimInversion(tiny.unet, Tiny.schedule(STEPS), tiny.torch)
                    .run(z0, tiny.text("a silver jeep"), PASS, List.of(whole.halved()), (step, steps) -> { });
            Set<NDArray> latents = Set.copyOf(trajectory.latents());
            long bytes = window.getManagedArrays().stream().filter(array -> !latents.contains(array))
                    .mapToLong(array -> array.getDataType().getNumOfBytes() * array.size()).sum();
            assertEquals(bytes,
                    AttentionStore.bytes(tiny.unet.config(), 9, 12, PASS.window(), 77, STEPS, List.of(whole.halved()), DataType.FLOAT32));
            assertEquals(2 * bytes,
                    AttentionStore.bytes(tiny.unet.config(), 9, 12, PASS.window(), 77, STEPS, List.of(whole), DataType.FLOAT32));
            String layer = tiny.unet.config().attentionLayers(9, 12, false).get(0).site().name();
            assertEquals(DataType.FLOAT16, trajectory.attention().get(0).get(layer, Kept.QUERIES).getDataType());
            assertEquals(DataType.FLOAT32, trajectory.attention().get(0).get(layer, Kept.QUERIES, z0).getDataType());
        }
    }

    @Test
    void whatIsKeptHasTheShapesOfItsSite() throws Exception {
        try (NDManager window = tiny.manager.newSubManager()) {
            NDArray z0 = tiny.normal(window, 2, 4, 8, 12);
            TokenSet tokens = TokenSet.of(new int[] {2}, 4);
            AttentionStore store = invert(z0, spec(0, STEPS, 0, 64, true, tokens)).attention().get(0);
            for (Site site : sites(z0)) {
                if (site.cross()) {
                    assertEquals(new Shape(1, 2, 2L * site.positions(), 77), store.get(site.name(), Kept.MAP).getShape());
                } else {
                    assertEquals(2L * site.positions(), store.get(site.name(), Kept.QUERIES).getShape().get(1));
                    assertEquals(2L * site.positions(), store.get(site.name(), Kept.KEYS).getShape().get(1));
                }
            }
            assertEquals(new Shape(2, 1, 4, 6), store.tokens(tokens).sum().getShape());
        }
    }

    /** What another method may want: values of self-attention, and features of a residual block. */
    @Test
    void valuesAndFeaturesAreKeptWhereTheyAreUsed() throws Exception {
        String block = "up_blocks.1.resnets.1";
        SourceUse use = new SourceUse() {
            @Override
            public Set<Kept> of(Site site, int k) {
                return site.cross() || k != 1 ? Set.of() : Set.of(Kept.VALUES);
            }

            @Override
            public boolean ofFeatures(String name, int k) {
                return name.equals(block) && k == 2;
            }

            @Override
            public boolean in(int k) {
                return true;
            }

            @Override
            public boolean inSelfAttention(int k) {
                return k == 1;
            }

            @Override
            public int upTo() {
                return 64;
            }
        };
        try (NDManager window = tiny.manager.newSubManager()) {
            NDArray z0 = tiny.normal(window, 2, 4, 8, 12);
            CaptureSpec spec = new CaptureSpec(use, true, List.of());
            Trajectory trajectory = invert(z0, spec);
            long latents = trajectory.latents().stream().mapToLong(NDArray::size).sum();
            long all = window.getManagedArrays().stream().mapToLong(NDArray::size).sum();
            assertEquals(4 * (all - latents),
                    AttentionStore.bytes(tiny.unet.config(), 8, 12, PASS.window(), 77, STEPS, List.of(spec), DataType.FLOAT32));
            NDArray features = trajectory.attention().get(2).get(block, Kept.FEATURES);
            assertEquals(new Shape(2, 16, 2, 3), features.getShape());
            assertNull(trajectory.attention().get(1).get(block, Kept.FEATURES));
            List<NDArray> seen = new ArrayList<>();
            int t = Tiny.schedule(STEPS).timestep(2);
            tiny.unet.forward(trajectory.latents().get(2), t, tiny.text("a silver jeep"), PASS.and(new ForwardHook() {
                @Override
                public NDArray attend(Site site, NDArray q, NDArray k, NDArray v, Kernel kernel) {
                    return kernel.apply(q, k, v);
                }

                @Override
                public boolean watches(String name) {
                    return true;
                }

                @Override
                public NDArray feature(String name, NDArray h) {
                    if (name.equals(block)) {
                        NDArray copy = h.duplicate();
                        copy.attach(window);
                        seen.add(copy);
                    }
                    return h;
                }
            })).close();
            Golden.assertClose(seen.get(0), features, 1e-5, "features");
            for (Site site : sites(z0)) {
                assertEquals(!site.cross(), trajectory.attention().get(1).get(site.name(), Kept.VALUES) != null, site.name());
                assertNull(trajectory.attention().get(0).get(site.name(), Kept.VALUES));
            }
        }
    }
}
