package org.fatezero.edit.infusion;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;

import org.fatezero.Golden;
import org.fatezero.Tiny;
import org.fatezero.diffusion.Schedule;
import org.fatezero.edit.DdimEditing;
import org.fatezero.edit.Edit;
import org.fatezero.edit.SourceStep;
import org.fatezero.edit.fatezero.Alignment;
import org.fatezero.edit.fatezero.CrossAttentionControl;
import org.fatezero.edit.fatezero.FateZero;
import org.fatezero.edit.fatezero.FusedSteps;
import org.fatezero.edit.fatezero.SelfBlend;
import org.fatezero.edit.region.BlendMask;
import org.fatezero.edit.region.Region;
import org.fatezero.edit.region.Regions;
import org.fatezero.edit.region.StepRange;
import org.fatezero.forward.ForwardContext;
import org.fatezero.inversion.AttentionStore;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.inversion.DdimInversion;
import org.fatezero.inversion.Reconstruction;
import org.fatezero.inversion.TokenSet;
import org.fatezero.inversion.Trajectory;
import org.fatezero.unet.UNet;
import org.fatezero.unet.UNetConfig;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/** The stages against {@code tests/golden/infusion.py}, and what must hold between them. */
class InFusionTest {

    private static final int STEPS = 5;
    private static final double GUIDANCE = 7.5;
    private static final double LIMIT = 1e-4;
    private static final ForwardContext PASS = Tiny.context(3, "mid");
    private static final Set<String> BLOCKS = Set.of("up_blocks.1.resnets.0", "up_blocks.1.resnets.1");

    private static Golden golden;
    private static UNet unet;
    private static Schedule schedule;

    @BeforeAll
    static void open() throws Exception {
        golden = new Golden("infusion.safetensors");
        unet = new UNet(UNetConfig.read(Golden.config("unet")), golden.weights("unet"));
        schedule = Tiny.schedule(STEPS);
    }

    @AfterAll
    static void close() throws Exception {
        golden.close();
    }

    private static InFusion method(FusedSteps fused, double weight, int features, int keyValues) {
        return method(fused, null, Regions.none(golden.torch), weight, features, keyValues);
    }

    private static InFusion method(FusedSteps fused, SelfBlend self, Regions regions, double weight, int features, int keyValues) {
        float[] ones = new float[77];
        CrossAttentionControl cross =
                new CrossAttentionControl(golden.manager, golden.torch, new Alignment(new float[77][77], ones), ones, List.of(), STEPS);
        return new InFusion(new FateZero(golden.torch, STEPS, fused, cross, regions, self, null, null),
                new FeatureInjection(golden.torch, BLOCKS, weight, features, STEPS, 64),
                new KeyValueInjection(golden.torch, keyValues, Math.min(features, STEPS), 64));
    }

    private static NDArray row(NDArray text, int i) {
        return text.get("{}:{}", i, i + 1);
    }

    /** Each stage alone, in step 2: the source's pass is kept, or runs beside the edit's. */
    @ParameterizedTest
    @CsvSource({"features, true", "features, false", "kv, true", "kv, false", "maps, true", "maps, false", "outputs, true",
        "outputs, false"})
    void aStageIsTheReferences(String stage, boolean keep) throws Exception {
        FusedSteps none = new FusedSteps(STEPS, STEPS, STEPS, 64);
        FusedSteps all = new FusedSteps(0, STEPS, STEPS, 64, stage.equals("outputs"));
        InFusion method = switch (stage) {
            case "features" -> method(none, 0.6, 0, 0);
            case "kv" -> method(none, 1, STEPS, 0);
            default -> method(all, 1, STEPS, STEPS);
        };
        int t = schedule.timestep(2);
        NDArray text = golden.array("text");
        NDArray source = golden.array("z0");
        NDArray edit = golden.array("z1");
        Trajectory unused = new Trajectory(List.of(source), List.of(), false);
        AttentionStore store = new AttentionStore(golden.manager, golden.torch, List.of(method.source()), 3, 2);
        NDArray epsilon;
        if (keep) {
            unet.forward(source, t, row(text, 0), PASS.and(store)).close();
            epsilon = unet.forward(edit, t, row(text, 2),
                    PASS.and(method.begin(unused, 3, List.of()).hook(2, new SourceStep(golden.torch, store))));
        } else {
            epsilon = unet.forward(source.concat(edit, 0), t, row(text, 0).concat(row(text, 2), 0),
                    PASS.and(method.begin(unused, 3, List.of()).hook(2, new SourceStep(golden.torch, null)))).get("3:");
        }
        Golden.assertClose(golden.array(stage), epsilon, LIMIT, stage);
    }

    private static Trajectory source(InFusion method, NDArray text, boolean again, boolean keep) throws Exception {
        List<CaptureSpec> captured = List.of(keep ? method.source() : method.source().recomputing());
        Trajectory inverted = new DdimInversion(unet, schedule, golden.torch)
                .run(golden.array("z0"), row(text, 0), PASS, again ? List.of() : captured, (step, steps) -> { });
        return !again ? inverted : new Reconstruction(unet, schedule, golden.torch)
                .run(inverted.zT(), row(text, 0), row(text, 1), GUIDANCE, k -> true, PASS, captured, (step, steps) -> { });
    }

    /** Features in the noisiest step, keys and values in the next, then fusion under the masks of both prompts' words. */
    @ParameterizedTest
    @CsvSource({"inversion, KEPT", "inversion, BESIDE", "inversion, SEQUENTIAL", "reconstruction, KEPT", "reconstruction, BESIDE"})
    void aWholeEditIsTheReferences(String name, DdimEditing.Source from) throws Exception {
        boolean again = name.equals("reconstruction");
        NDArray text = golden.array("text");
        Region words = new Region(new BlendMask(golden.torch, 0.6), TokenSet.of(golden.integers("source_tokens"), 8),
                TokenSet.of(golden.integers("target_tokens"), 8), new StepRange(0, 0));
        InFusion method = method(new FusedSteps(0, STEPS - 2, STEPS, 64, again), new SelfBlend(new StepRange(0, STEPS - 2), true),
                new Regions(golden.torch, List.of(words)), 0.6, STEPS - 1, STEPS - 2);
        Trajectory trajectory = source(method, text, again, from == DdimEditing.Source.KEPT);
        Golden.assertClose(golden.array("zT"), trajectory.zT(), LIMIT, "zT");
        new DdimEditing(unet, schedule, golden.torch).run(trajectory, new Edit(method, text, GUIDANCE), PASS, from, List.of(),
                (step, steps) -> { }, (level, z) -> {
                    try {
                        Golden.assertClose(golden.array(name + "." + level), z, LIMIT, "edited to level " + level);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
    }

    /** Denoised again, the source's features are those of an edit under its own prompt. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void allInjectedUnderTheSamePromptIsTheReconstruction(boolean keep) throws Exception {
        NDArray text = golden.array("text");
        text = row(text, 0).concat(row(text, 1), 0).concat(row(text, 0), 0);
        InFusion method = method(new FusedSteps(0, 1, STEPS, 64, true), 1, 3, 1);
        Trajectory trajectory = source(method, text, true, keep);
        Golden.assertClose(golden.array("reconstructed"), trajectory.latents().get(0), LIMIT, "reconstructed");
        NDArray edited = new DdimEditing(unet, schedule, golden.torch).run(trajectory, new Edit(method, text, GUIDANCE), PASS,
                keep ? DdimEditing.Source.KEPT : DdimEditing.Source.BESIDE, (step, steps) -> { });
        Golden.assertClose(trajectory.latents().get(0), edited, LIMIT, "edited");
    }

    private static float[] edited(InFusion method) throws Exception {
        NDArray text = golden.array("text");
        return new DdimEditing(unet, schedule, golden.torch).run(source(method, text, false, true), new Edit(method, text, GUIDANCE), PASS,
                DdimEditing.Source.KEPT, (step, steps) -> { }).toFloatArray();
    }

    /** Attention is fused in maps of 5 cells a side and fewer; the block's have 10. */
    @Test
    void theSourceRunsBesideUpToTheLastBlockThatItGivesFeaturesTo() throws Exception {
        FateZero fusion = method(new FusedSteps(0, STEPS, STEPS, 5), 0, STEPS, STEPS).fusion();
        InFusion method = new InFusion(fusion, new FeatureInjection(golden.torch, Set.of("up_blocks.2.resnets.0"), 1, 0, STEPS, 10),
                new KeyValueInjection(golden.torch, STEPS, STEPS, 5));
        NDArray text = golden.array("text");
        NDArray[] edited = new NDArray[2];
        for (int i = 0; i < 2; i++) {
            Trajectory source = source(method, text, false, i == 0);
            edited[i] = new DdimEditing(unet, schedule, golden.torch).run(source, new Edit(method, text, GUIDANCE), PASS,
                    i == 0 ? DdimEditing.Source.KEPT : DdimEditing.Source.BESIDE, (step, steps) -> { });
        }
        Golden.assertClose(edited[0], edited[1], LIMIT, "beside");
    }

    @Test
    void featuresOfNoWeightChangeNothing() throws Exception {
        FusedSteps fused = new FusedSteps(0, STEPS, STEPS, 64);
        float[] without = edited(method(fused, 1, STEPS, STEPS));
        assertArrayEquals(without, edited(method(fused, 0, 0, STEPS)));
        assertTrue(!Arrays.equals(without, edited(method(fused, 0.1, 0, STEPS))));
    }
}
