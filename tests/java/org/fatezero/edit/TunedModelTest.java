package org.fatezero.edit;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;

import org.fatezero.Golden;
import org.fatezero.TunedTiny;
import org.fatezero.diffusion.Schedule;
import org.fatezero.edit.fatezero.Alignment;
import org.fatezero.edit.fatezero.CrossAttentionControl;
import org.fatezero.edit.fatezero.FateZero;
import org.fatezero.edit.fatezero.FusedSteps;
import org.fatezero.edit.region.Regions;
import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.KeyFrames;
import org.fatezero.forward.Window;
import org.fatezero.inversion.DdimInversion;
import org.fatezero.inversion.Trajectory;
import org.fatezero.io.ModelConfig;
import org.fatezero.text.Prompt;
import org.fatezero.text.TextEncoder;
import org.fatezero.text.Tokenizer;
import org.fatezero.unet.UNet;
import org.fatezero.unet.UNetConfig;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** Video models with temporal layers, against the authors' code ({@code tests/golden/tuned.py}). */
class TunedModelTest {

    private static final int FRAMES = 3;
    private static final int STEPS = 4;
    private static final String SOURCE = "a silver jeep driving down a curvy road in the countryside";
    private static final ForwardContext PASS =
            ForwardContext.of(new Window(FRAMES, new KeyFrames(List.of("-1", "first"), FRAMES), 64, true, true));

    @TempDir
    Path folder;

    /** Their variant, what it was made from, and Tune-A-Video's own names of the temporal attention. */
    @ParameterizedTest
    @CsvSource({"lowrank, attn_temporal, norm_temporal, Pseudo3D", "dense, attn_temporal, norm_temporal, 2D",
        "dense, attn_temp, norm_temp, 3D"})
    void predictsTheNoiseOfTheAuthorsModules(String kind, String attention, String norm, String blocks) throws Exception {
        TunedTiny.write(kind, folder, name -> name.replace("attn_temporal", attention).replace("norm_temporal", norm));
        Path config = folder.resolve("unet/config.json");
        Files.writeString(config, Files.readString(config).replace("Block2D", "Block" + blocks));
        try (Golden golden = new Golden("tuned.safetensors")) {
            NDArray epsilon = unet(golden).forward(golden.array(kind + ".z0"), 501, golden.array("text"), PASS);
            Golden.assertClose(golden.array(kind + ".epsilon"), epsilon, 1e-5, kind);
        }
    }

    @ParameterizedTest
    @CsvSource({"lowrank, keep", "lowrank, recompute", "dense, keep"})
    void editsAsTheAuthorsCode(String kind, String store) throws Exception {
        TunedTiny.write(kind, folder, name -> name);
        try (Golden golden = new Golden("tuned.safetensors"); Tokenizer tokenizer = new Tokenizer(Golden.TINY.resolve("tokenizer"))) {
            UNet unet = unet(golden);
            TextEncoder encoder = new TextEncoder(TextEncoder.Config.read(Golden.config("text_encoder")), golden.weights("text_encoder"));
            Schedule schedule = new Schedule(new ModelConfig(folder.resolve("scheduler/scheduler_config.json")), STEPS);
            Prompt source = tokenizer.encode(SOURCE, 77);
            Prompt target = tokenizer.encode("watercolor painting of " + SOURCE, 77);
            CrossAttentionControl cross = new CrossAttentionControl(golden.manager, golden.torch, Alignment.refine(source, target),
                    emphasis(10, target.find("watercolor", tokenizer)), List.of(new CrossAttentionControl.Gate(all(), 0, 0.8)), STEPS);
            boolean keep = store.equals("keep");
            FusedSteps fused = new FusedSteps(STEPS - (int) (0.8 * STEPS), STEPS, STEPS - cross.activeSteps(), 32);
            EditMethod method = new FateZero(golden.torch, STEPS, fused, cross, Regions.none(golden.torch), null, null, null);
            NDArray text = encoder.forward(golden.manager, source.ids());
            Trajectory trajectory = new DdimInversion(unet, schedule, golden.torch)
                    .run(golden.array(kind + ".z0"), text, PASS, List.of(keep ? method.source() : method.source().recomputing()),
                            (step, of) -> { });
            Golden.assertClose(golden.array(kind + ".zT"), trajectory.zT(), 1e-4, "zT");
            text = text.concat(encoder.forward(golden.manager, tokenizer.encode("", 77).ids()), 0)
                    .concat(encoder.forward(golden.manager, target.ids()), 0);
            NDArray edited = new DdimEditing(unet, schedule, golden.torch).run(trajectory, new Edit(method, text, 7.5), PASS,
                    keep ? DdimEditing.Source.KEPT : DdimEditing.Source.BESIDE, (step, of) -> { });
            Golden.assertClose(golden.array(kind + ".edited"), edited, 1e-4, "edited");
        }
    }

    @Test
    void namesWhatItDoesNotKnow() throws Exception {
        TunedTiny.write("lowrank", folder,
                name -> name.replace("mid_block.attentions.0.transformer_blocks.0.attn_temporal", "mid_block.motion_modules.0"));
        try (Golden golden = new Golden("tuned.safetensors")) {
            IOException e = assertThrows(IOException.class, () -> unet(golden));
            assertTrue(e.getMessage().contains("mid_block.motion_modules.0.to_k.weight"), e.getMessage());
        }
    }

    private UNet unet(Golden golden) throws IOException {
        return new UNet(UNetConfig.read(Golden.config(folder, "unet")), golden.weights(folder, "unet"));
    }

    private static float[] emphasis(float factor, int... tokens) {
        float[] emphasis = new float[77];
        Arrays.fill(emphasis, 1);
        for (int token : tokens) {
            emphasis[token] = factor;
        }
        return emphasis;
    }

    private static int[] all() {
        int[] tokens = new int[77];
        Arrays.setAll(tokens, i -> i);
        return tokens;
    }
}
