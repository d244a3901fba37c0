package org.fatezero.tune;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;

import org.fatezero.Golden;
import org.fatezero.TunedTiny;
import org.fatezero.diffusion.Schedule;
import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.KeyFrames;
import org.fatezero.forward.Window;
import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;
import org.fatezero.unet.UNetConfig;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Tuning against PyTorch's gradients and optimiser in the authors' modules ({@code tests/golden/tuning.py}). */
class TunerTest {

    private static final int[] TIMESTEPS = {501, 21, 801};
    private static final String BLOCK = "mid_block.attentions.0.transformer_blocks.0.";

    @TempDir
    static Path folder;

    private static Tuner tuner(Golden golden, NDArray z0, NDArray text, double rate, int batch) throws Exception {
        return tuner(golden, null, z0, text, rate, batch, 1);
    }

    private static Tuner tuner(Golden golden, SafeTensors state, NDArray z0, NDArray text, double rate, int batch, long seed)
            throws Exception {
        Path model = folder.resolve("tiny");
        if (!model.toFile().exists()) {
            TunedTiny.write("dense", model, name -> name);
        }
        Schedule schedule = new Schedule(new ModelConfig(Golden.TINY.resolve("scheduler/scheduler_config.json")), 1);
        try (SafeTensors file = new SafeTensors(Weights.find(model.resolve("unet")))) {
            return new Tuner(golden.manager, UNetConfig.read(Golden.config(model, "unet")), file, state, schedule, z0, text,
                    ForwardContext.of(new Window(batch, new KeyFrames(List.of("-1", "first"), batch), 64, true, true)), rate, seed);
        }
    }

    @Test
    void gradientsAreThoseOfPyTorch() throws Exception {
        try (Golden golden = new Golden("tuning.safetensors"); Golden tuned = new Golden("tuned.safetensors");
                Tuner tuner = tuner(golden, tuned.array("dense.z0"), tuned.array("text"), 1e-3, 3)) {
            double loss = tuner.backward(tuned.array("dense.z0"), golden.array("noise").get(0), TIMESTEPS[0]);
            assertEquals(golden.array("losses").getFloat(0), loss, 1e-5);
            assertEquals(112, tuner.trained().size());
            for (Map.Entry<String, NDArray> weight : tuner.trained().entrySet()) {
                Golden.assertClose(golden.array("gradient/" + weight.getKey()), weight.getValue().getGradient(), 1e-4, weight.getKey());
            }
        }
    }

    @Test
    void stepsAreThoseOfPyTorchsAdamW() throws Exception {
        try (Golden golden = new Golden("tuning.safetensors"); Golden tuned = new Golden("tuned.safetensors");
                Tuner tuner = tuner(golden, tuned.array("dense.z0"), tuned.array("text"), 1e-3, 3)) {
            AdamW optimizer = new AdamW(new Torch(golden.manager, true), tuner.trained(), 1e-3, 0.145);
            for (int i = 0; i < TIMESTEPS.length; i++) {
                double loss = tuner.backward(tuned.array("dense.z0"), golden.array("noise").get(i), TIMESTEPS[i]);
                assertEquals(golden.array("losses").getFloat(i), loss, 1e-5, "loss of step " + i);
                assertEquals(golden.array("norms").getFloat(i), optimizer.step(), 1e-5, "norm of step " + i);
            }
            for (Map.Entry<String, NDArray> weight : tuner.trained().entrySet()) {
                if (weight.getKey().startsWith(BLOCK)) {
                    Golden.assertClose(golden.array("tuned/" + weight.getKey()), weight.getValue(), 1e-5, weight.getKey());
                }
            }
        }
    }

    @Test
    void whatGoesOnHasNoMoreInMemoryThanWhatBegan() throws Exception {
        Path state = folder.resolve("state.safetensors");
        int[] arrays = new int[2];
        try (Golden first = new Golden("tuned.safetensors");
                Tuner tuner = tuner(first, first.array("dense.z0"), first.array("text"), 1e-3, 3)) {
            arrays[0] = first.manager.getManagedArrays().size();
            tuner.write(state, Map.of());
        }
        try (Golden second = new Golden("tuned.safetensors"); SafeTensors before = new SafeTensors(state);
                Tuner tuner = tuner(second, before, second.array("dense.z0"), second.array("text"), 1e-3, 3, 1)) {
            arrays[1] = second.manager.getManagedArrays().size();
        }
        assertEquals(arrays[0], arrays[1]);
    }

    /** All of its bits count. */
    @Test
    void eachSeedHasNoiseOfItsOwn() throws Exception {
        Set<Double> losses = new HashSet<>();
        long[] seeds = {0, 1, 1L << 32, (1L << 32) + 1, 1L << 63, -1};
        for (long seed : seeds) {
            try (Golden tuned = new Golden("tuned.safetensors");
                    Tuner tuner = tuner(tuned, null, tuned.array("dense.z0"), tuned.array("text"), 1e-3, 2, seed)) {
                losses.add(tuner.iterate());
            }
        }
        assertEquals(seeds.length, losses.size(), losses.toString());
    }

    @Test
    void theLossFalls() throws Exception {
        try (Golden golden = new Golden("tuning.safetensors"); Golden tuned = new Golden("tuned.safetensors");
                Tuner tuner = tuner(tuned, tuned.array("dense.z0"), tuned.array("text"), 3e-2, 2)) {
            NDArray frames = tuned.array("dense.z0").get("0:2");
            NDArray noise = golden.array("noise").get(0).get("0:2");
            double before = tuner.learn(frames, noise, 501);
            for (int i = 0; i < 8; i++) {
                tuner.iterate(); // of other noise
            }
            double after = tuner.learn(frames, noise, 501);
            assertTrue(after < 0.9 * before, "loss " + before + " became " + after);
        }
    }
}
