package org.fatezero.diffusion;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;

import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.Scope;

import java.io.IOException;
import java.util.List;

/**
 * The noise levels of a diffusion model and the {@code T} of them that DDIM visits.
 *
 * <p>Level {@code k} of {@code 0 ... T} is the noise after {@code k} inversion steps; level 0 is the clean latent. Step
 * {@code k} of {@code 0 ... T - 1} joins levels {@code k} and {@code k + 1} and takes the noise at {@link #timestep}
 * {@code t_k = k * stride + offset}, in inversion and in editing alike, so both see the same timesteps.
 */
public final class Schedule {

    private final int steps;
    private final int depth;
    private final int stride;
    private final int offset;
    private final double[] alphaBar;
    private final double finalAlphaBar; // of timesteps below 0
    private final boolean implicit;

    /** All of the schedule, from clean latents to {@code zT} and back. */
    public Schedule(ModelConfig config, int steps) throws IOException {
        this(config, steps, steps, false);
    }

    /**
     * @param config {@code scheduler_config.json}
     * @param steps T, 1 up to the number of timesteps the model was trained on
     * @param depth levels that inversion climbs and editing comes down, 0 to T
     * @param implicit whether inversion looks ahead ({@link #input})
     * @throws IOException if the configuration is not one of Stable Diffusion 1.x
     * @throws IllegalArgumentException if {@code steps} is out of range
     */
    public Schedule(ModelConfig config, int steps, int depth, boolean implicit) throws IOException {
        config.require("prediction_type", "epsilon");
        config.require("beta_schedule", "scaled_linear", "linear");
        config.requireAbsent("trained_betas");
        if (config.flag("rescale_betas_zero_snr", false)) {
            throw config.wrong("rescale_betas_zero_snr", "false");
        }
        int timesteps = config.integer("num_train_timesteps", 1000);
        double betaStart = config.number("beta_start", 0.00085);
        double betaEnd = config.number("beta_end", 0.012);
        if (timesteps < 1 || !(betaStart > 0 && betaStart <= betaEnd && betaEnd < 1)) {
            throw config.wrong("beta_start", "0 < beta_start <= beta_end < 1 over at least one timestep");
        }
        if (steps < 1 || steps > timesteps) {
            throw new IllegalArgumentException("steps=" + steps + ": expected 1 to " + timesteps);
        }
        this.steps = steps;
        this.implicit = implicit;
        this.depth = depth;
        stride = timesteps / steps;
        offset = Math.min(config.integer("steps_offset", 1), stride - 1);
        boolean scaled = config.text("beta_schedule", "scaled_linear").equals("scaled_linear");
        double from = scaled ? Math.sqrt(betaStart) : betaStart;
        double to = scaled ? Math.sqrt(betaEnd) : betaEnd;
        alphaBar = new double[timesteps];
        double product = 1;
        for (int t = 0; t < timesteps; t++) {
            double beta = timesteps == 1 ? from : from + (to - from) * t / (timesteps - 1);
            product *= 1 - (scaled ? beta * beta : beta);
            alphaBar[t] = product;
        }
        finalAlphaBar = config.flag("set_alpha_to_one", false) ? 1 : alphaBar[0];
    }

    /** T, the number of steps. */
    public int steps() {
        return steps;
    }

    /** How many timesteps the model was trained on. */
    public int timesteps() {
        return alphaBar.length;
    }

    /** The level that the edit starts from: T for {@code zT}, 0 for the clean latents. */
    public int depth() {
        return depth;
    }

    /** {@code t_k}, at which step {@code k} asks for the noise. */
    public int timestep(int k) {
        return k * stride + offset;
    }

    /** The signal's share at level {@code k}: {@code alphaBar(t_(k-1))}, and the schedule's cleanest for level 0. */
    public double alphaBarAtLevel(int k) {
        int t = timestep(k - 1);
        return t < 0 ? finalAlphaBar : alphaBar[t];
    }

    /** {@code alphaBar(t)} for {@code t} from 0 to below {@link #timesteps}. */
    public double alphaBar(int t) {
        return alphaBar[t];
    }

    /** Denoising step {@code k}: from level {@code k + 1} to level {@code k} (paper, eq. 2). */
    public NDArray denoise(NDArray z, NDArray epsilon, int k) {
        return ddimStep(z, epsilon, alphaBarAtLevel(k + 1), alphaBarAtLevel(k));
    }

    /** Inversion step {@code k}: from level {@code k} to level {@code k + 1} (paper, eq. 3). */
    public NDArray invert(NDArray z, NDArray epsilon, int k) {
        return ddimStep(z, epsilon, alphaBarAtLevel(k), alphaBarAtLevel(k + 1));
    }

    /** {@code sigma = sqrt((1 - alphaBar) / alphaBar)} at level {@code k}: the variable of the ODE in {@link #input}. */
    private double sigma(int k) {
        return Math.sqrt((1 - alphaBarAtLevel(k)) / alphaBarAtLevel(k));
    }

    /**
     * The latents whose noise inversion step {@code k} takes: those of level {@code k}, as in the authors' code, or, if this
     * schedule is implicit, a guess at those of level {@code k + 1}.
     *
     * <p>Denoising step {@code k} takes the noise of level {@code k + 1}, so it is undone only by an inversion step that
     * takes the noise of where it ends: an implicit Euler step of the ODE {@code dx / dsigma = epsilon}, {@code x = z /
     * sqrt(alphaBar)} (Song et al. 2021, Denoising Diffusion Implicit Models, eq. 14). Instead of iterating to it (Pan et
     * al. 2023, Effective Real Image Editing with Accelerated Iterative Diffusion Inversion) the noise is first extrapolated
     * from those of the two steps before, linearly in sigma, and the latents are taken there: one evaluation a step,
     * as before. What is left of the error falls with the square of the steps' size and faster; that of the usual guess, the
     * latents of level {@code k}, with its first power.
     *
     * @param latents at levels {@code 0 ... k} at least
     * @return a new array
     */
    public NDArray input(List<NDArray> latents, int k) {
        if (!implicit || k == 0) {
            return latents.get(k).duplicate();
        }
        double h = sigma(k + 1) - sigma(k);
        double h1 = sigma(k) - sigma(k - 1);
        double h2 = k > 1 ? sigma(k - 1) - sigma(k - 2) : 0; // levels 0 and 1 may be the same
        // x(k + 1) = x(k) + h (e(k) + (e(k) - e(k - 1)) h / h1), the noises by what they did: e(k) = (x(k) - x(k - 1)) / h1
        double bend = h1 > 0 && h2 > 0 ? h / h1 : 0;
        double last = h1 > 0 ? (1 + bend) * h / h1 : 0;
        double before = h2 > 0 ? bend * h / h2 : 0;
        double[] weights = {1 + last, -last - before, before};
        NDArray z = latents.get(k);
        try (Scope scope = new Scope(z)) {
            NDArray guess = z.zerosLike().toType(DataType.FLOAT32, false);
            for (int i = 0; i <= Math.min(k, 2); i++) {
                NDArray earlier = latents.get(k - i).toType(DataType.FLOAT32, true);
                earlier.attach(guess.getManager());
                guess = guess.add(earlier.mul(weights[i] * Math.sqrt(alphaBarAtLevel(k + 1) / alphaBarAtLevel(k - i))));
            }
            return scope.keep(guess.toType(z.getDataType(), false));
        }
    }

    /**
     * The deterministic DDIM update, {@code z0 = (z - sqrt(1 - from) epsilon) / sqrt(from)}, noised again to {@code to};
     * for a fixed epsilon its own inverse with the two levels exchanged.
     *
     * @param from alphaBar of {@code z}
     * @param to alphaBar of the result
     */
    static NDArray ddimStep(NDArray z, NDArray epsilon, double from, double to) {
        double ofZ = Math.sqrt(to / from);
        double ofEpsilon = Math.sqrt(1 - to) - ofZ * Math.sqrt(1 - from);
        try (NDArray signal = z.mul(ofZ); NDArray noise = epsilon.mul(ofEpsilon)) {
            return signal.add(noise);
        }
    }
}
