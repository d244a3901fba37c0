package org.fatezero.diffusion;

import ai.djl.ndarray.NDArray;

import org.fatezero.tensor.ModelConfig;

import java.io.IOException;

/**
 * The noise levels of a diffusion model and the {@code T} of them that DDIM visits.
 *
 * <p>Level {@code k} of {@code 0 ... T} is the noise after {@code k} inversion steps; level 0 is the clean latent. Step
 * {@code k} of {@code 0 ... T - 1} joins levels {@code k} and {@code k + 1} and takes the noise at {@link #timestep}
 * {@code t_k = k * stride + offset}, in inversion and in editing alike, so both see the same timesteps.
 */
public final class Schedule {

    private final int steps;
    private final int stride;
    private final int offset;
    private final double[] alphaBar;
    private final double finalAlphaBar; // of timesteps below 0

    /**
     * @param config {@code scheduler_config.json}
     * @param steps T, 1 up to the number of timesteps the model was trained on
     * @throws IOException if the configuration is not one of Stable Diffusion 1.x
     * @throws IllegalArgumentException if {@code steps} is out of range
     */
    public Schedule(ModelConfig config, int steps) throws IOException {
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

    /** {@code t_k}, at which step {@code k} asks for the noise. */
    public int timestep(int k) {
        return k * stride + offset;
    }

    /** The signal's share at level {@code k}: {@code alphaBar(t_(k-1))}, and the schedule's cleanest for level 0. */
    public double level(int k) {
        int t = timestep(k - 1);
        return t < 0 ? finalAlphaBar : alphaBar[t];
    }

    /** {@code alphaBar(t)} for {@code t} of {@code 0 ... 999}. */
    public double alphaBar(int t) {
        return alphaBar[t];
    }

    /** Denoising step {@code k}: from level {@code k + 1} to level {@code k} (paper, eq. 2). */
    public NDArray denoise(NDArray z, NDArray epsilon, int k) {
        return move(z, epsilon, level(k + 1), level(k));
    }

    /** Inversion step {@code k}: from level {@code k} to level {@code k + 1} (paper, eq. 3). */
    public NDArray invert(NDArray z, NDArray epsilon, int k) {
        return move(z, epsilon, level(k), level(k + 1));
    }

    /**
     * The deterministic DDIM update, {@code z0 = (z - sqrt(1 - from) epsilon) / sqrt(from)}, noised again to {@code to};
     * for a fixed epsilon its own inverse with the two levels exchanged.
     *
     * @param from alphaBar of {@code z}
     * @param to alphaBar of the result
     */
    static NDArray move(NDArray z, NDArray epsilon, double from, double to) {
        double ofZ = Math.sqrt(to / from);
        double ofEpsilon = Math.sqrt(1 - to) - ofZ * Math.sqrt(1 - from);
        try (NDArray signal = z.mul(ofZ); NDArray noise = epsilon.mul(ofEpsilon)) {
            return signal.add(noise);
        }
    }
}
