package org.fatezero.tune;

import ai.djl.ndarray.NDArray;

import org.fatezero.device.Libtorch;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Optimization;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/** torch.optim.AdamW with betas 0.9 and 0.999 and a weight decay of 0.01, after torch.nn.utils.clip_grad_norm_. */
final class AdamW {

    private static final double DECAY = 1e-2;

    private record Moments(NDArray mean, NDArray square) {
    }

    private final Torch torch;
    private final Map<String, NDArray> weights;
    private final Map<String, Moments> moments = new LinkedHashMap<>();
    private final double rate;
    private final double limit;
    private int steps;

    /**
     * @param weights by name; they require gradients
     * @param limit the max_norm that gradients are clipped to
     */
    AdamW(Torch torch, Map<String, NDArray> weights, double rate, double limit) {
        this.torch = torch;
        this.weights = weights;
        this.rate = rate;
        this.limit = limit;
        weights.forEach((name, weight) -> moments.put(name, new Moments(weight.zerosLike(), weight.zerosLike())));
    }

    /** Steps made so far. */
    int steps() {
        return steps;
    }

    /**
     * Updates the weights by their gradients, and zeroes these.
     *
     * @return the norm of all gradients before clipping
     */
    double step() {
        double squares = 0;
        for (NDArray weight : weights.values()) {
            try (Scope scope = new Scope(weight)) {
                squares += weight.getGradient().square().sum().getFloat();
            }
        }
        double norm = Math.sqrt(squares);
        double scale = Math.min(1, limit / (norm + 1e-6));
        steps++;
        weights.forEach((name, weight) -> {
            Moments of = moments.get(name);
            try (Scope scope = new Scope(weight)) {
                Optimization.adamW(torch, weight, weight.getGradient(), of.mean, of.square, scale, rate, DECAY, steps);
            }
            Libtorch.clearGradient(weight);
        });
        return norm;
    }

    /** The moments, by name. */
    Map<String, NDArray> state() {
        Map<String, NDArray> state = new LinkedHashMap<>();
        moments.forEach((name, of) -> {
            state.put("mean/" + name, of.mean);
            state.put("square/" + name, of.square);
        });
        return state;
    }

    /** Goes on after {@code steps} steps that left {@code state}. */
    void restore(Weights state, int steps) throws IOException {
        for (Map.Entry<String, NDArray> weight : weights.entrySet()) {
            long[] shape = weight.getValue().getShape().getShape();
            Moments fresh = moments.put(weight.getKey(), new Moments(state.get("mean/" + weight.getKey(), shape),
                    state.get("square/" + weight.getKey(), shape)));
            fresh.mean.close();
            fresh.square.close();
        }
        this.steps = steps;
    }
}
