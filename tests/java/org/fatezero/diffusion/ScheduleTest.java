package org.fatezero.diffusion;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.fatezero.Golden;
import org.fatezero.Tiny;
import org.fatezero.io.ModelConfig;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Against diffusers' DDIMScheduler. */
class ScheduleTest {

    @TempDir
    private Path folder;

    private Schedule schedule(String json, int steps) throws IOException {
        return new Schedule(new ModelConfig(Files.writeString(folder.resolve("scheduler_config.json"), json)), steps);
    }

    @Test
    void alphaBarIsTheReferences() throws Exception {
        try (Golden golden = new Golden("modules.safetensors")) {
            float[] expected = golden.array("schedule.alphaBar").toFloatArray();
            Schedule schedule = Tiny.schedule(50);
            assertEquals(1000, expected.length);
            for (int t = 0; t < 1000; t++) {
                assertEquals(expected[t], schedule.alphaBar(t), 2e-6 * expected[t] + 1e-8, "timestep " + t);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {10, 50})
    void timestepsAreTheReferences(int steps) throws Exception {
        try (Golden golden = new Golden("modules.safetensors")) {
            Schedule schedule = Tiny.schedule(steps);
            int[] noisiestFirst = IntStream.range(0, steps).map(j -> schedule.timestep(steps - 1 - j)).toArray();
            assertArrayEquals(golden.integers("schedule.timesteps" + steps), noisiestFirst);
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 1", "1, 21", "49, 981"})
    void aStepIsTheReferences(int k, int t) throws Exception {
        try (Golden golden = new Golden("modules.safetensors")) {
            Schedule schedule = Tiny.schedule(50);
            assertEquals(t, schedule.timestep(k));
            NDArray z = schedule.denoise(golden.array("ddim.sample"), golden.array("ddim.epsilon"), k);
            Golden.assertClose(golden.array("ddim.step" + t), z, 1e-6, "step " + t);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 50, 333, 1000})
    void denoisingUndoesInversionOfTheSameNoise(int steps) throws Exception {
        try (Golden golden = new Golden("modules.safetensors")) {
            Schedule schedule = Tiny.schedule(steps);
            NDArray z = golden.array("ddim.sample");
            NDArray epsilon = golden.array("ddim.epsilon");
            for (int k : new int[] {0, steps / 2, steps - 1}) {
                NDArray back = schedule.denoise(schedule.invert(z, epsilon, k), epsilon, k);
                Golden.assertClose(z, back, 1e-6, "step " + k + " of " + steps);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 50, 600, 1000})
    void levelsGetNoisierAndStayWithinTheTrainedTimesteps(int steps) throws Exception {
        Schedule schedule = Tiny.schedule(steps);
        assertEquals(steps, schedule.steps());
        assertEquals(schedule.alphaBar(0), schedule.alphaBarAtLevel(0));
        assertTrue(schedule.timestep(steps - 1) <= 999);
        for (int k = 0; k < steps; k++) {
            boolean falls = schedule.alphaBarAtLevel(k + 1) < schedule.alphaBarAtLevel(k);
            assertTrue(falls || k == 0 && schedule.timestep(0) == 0, "level " + (k + 1));
            assertEquals(schedule.alphaBar(schedule.timestep(k)), schedule.alphaBarAtLevel(k + 1));
        }
    }

    /** How far a latent is from itself after {@code steps} of inversion and as many of denoising, for a noise that is a formula. */
    private static double roundTripError(int steps, boolean implicit) throws IOException {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Schedule schedule = Tiny.schedule(steps, implicit);
            NDArray z0 = manager.linspace(-1, 1, 21);
            List<NDArray> latents = new ArrayList<>(List.of(z0));
            for (int k = 0; k < steps; k++) {
                latents.add(schedule.invert(latents.get(k), noise(schedule.input(latents, k), schedule.alphaBarAtLevel(k + 1)), k));
            }
            NDArray z = latents.get(steps);
            for (int k = steps - 1; k >= 0; k--) {
                z = schedule.denoise(z, noise(z, schedule.alphaBarAtLevel(k + 1)), k);
            }
            return Golden.relativeError(z0, z);
        }
    }

    /** Of normally distributed data with a deviation of 0.5, and bent. */
    private static NDArray noise(NDArray z, double alphaBar) {
        return z.add(z.mul(3).sin().mul(0.1)).mul(Math.sqrt(1 - alphaBar) / (0.25 * alphaBar + 1 - alphaBar));
    }

    @Test
    void denoisingUndoesImplicitInversionToTheSecondOrderOfItsSteps() throws Exception {
        double coarser = roundTripError(20, true);
        assertTrue(coarser < roundTripError(20, false) / 5, "of DDIM's: " + coarser);
        for (int steps : new int[] {40, 80, 160}) {
            double error = roundTripError(steps, true);
            assertTrue(error < coarser / 4, steps + " steps: " + error + " after " + coarser);
            coarser = error;
        }
    }

    @Test
    void implicitInversionOfOneStepIsDdims() throws Exception {
        assertEquals(roundTripError(1, false), roundTripError(1, true));
    }

    @Test
    void anImplicitScheduleLooksAheadWhereTwoLevelsAreTheSame() throws Exception {
        assertEquals(Tiny.schedule(1000).alphaBarAtLevel(0), Tiny.schedule(1000).alphaBarAtLevel(1));
        assertTrue(roundTripError(1000, true) < 1e-4);
    }

    @Test
    void aStepIsGoneByFormula() throws Exception {
        try (Golden golden = new Golden("modules.safetensors")) {
            NDArray z = golden.manager.create(new float[] {2});
            NDArray epsilon = golden.manager.create(new float[] {0.5f});
            // z0 = (2 - 0.6 * 0.5) / 0.8 = 2.125, noised to 0.36: 0.6 * 2.125 + 0.8 * 0.5
            assertEquals(1.675f, Schedule.ddimStep(z, epsilon, 0.64, 0.36).getFloat(), 1e-6f);
        }
    }

    @Test
    void theConfigurationIsFollowed() throws Exception {
        Schedule linear = schedule("""
                {"num_train_timesteps": 4, "beta_start": 0.1, "beta_end": 0.4, "beta_schedule": "linear", "steps_offset": 0,
                 "set_alpha_to_one": true}""", 2);
        assertArrayEquals(new double[] {0.9, 0.9 * 0.8, 0.9 * 0.8 * 0.7, 0.9 * 0.8 * 0.7 * 0.6},
                IntStream.range(0, 4).mapToDouble(linear::alphaBar).toArray(), 1e-12);
        assertArrayEquals(new int[] {0, 2}, new int[] {linear.timestep(0), linear.timestep(1)});
        assertEquals(1, linear.alphaBarAtLevel(0));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, 1001, Integer.MAX_VALUE})
    void stepsOutOfRangeAreToldWithTheRange(int steps) {
        String message = assertThrows(IllegalArgumentException.class, () -> Tiny.schedule(steps)).getMessage();
        assertTrue(message.contains("steps=" + steps) && message.contains("1 to 1000"), message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "{\"prediction_type\": \"v_prediction\"}; v_prediction", "{\"beta_schedule\": \"squaredcos_cap_v2\"}; squaredcos",
        "{\"beta_start\": 0}; beta_start", "{\"beta_start\": 0.5}; beta_start", "{\"beta_end\": 1}; beta_start",
        "{\"beta_end\": \"NaN\"}; beta_start", "{\"num_train_timesteps\": 0}; beta_start",
        "{\"num_train_timesteps\": -5}; num_train", "{\"steps_offset\": -1}; steps_offset",
        "{\"set_alpha_to_one\": 1}; set_alpha_to_one", "{\"rescale_betas_zero_snr\": true}; rescale_betas_zero_snr",
        "{\"trained_betas\": [0.1, 0.2]}; trained_betas"})
    void aConfigurationOfAnotherKindIsRefused(String json, String key) {
        String message = assertThrows(IOException.class, () -> schedule(json, 1)).getMessage();
        assertTrue(message.contains(key) && message.contains("scheduler_config.json"), message);
    }
}
