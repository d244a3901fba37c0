package org.fatezero.tune;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.GradientCollector;

import org.fatezero.device.Libtorch;
import org.fatezero.diffusion.Schedule;
import org.fatezero.forward.ForwardContext;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.TensorWriter;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;
import org.fatezero.unet.UNet;
import org.fatezero.unet.UNetConfig;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.regex.Pattern;

/**
 * One-shot tuning of a UNet on one clip (Wu et al. 2023, Tune-A-Video): it learns to predict the noise in the clip's own
 * latents, by the queries of its self- and cross-attention and all of its temporal attention; the rest stays as it is.
 */
final class Tuner implements AutoCloseable {

    private static final Pattern TRAINED = Pattern.compile(".*\\.(to_q|attn_temporal\\..+|attn_temp\\..+)\\.(weight|bias)");
    private static final double LIMIT = 1;
    private static final long SPREAD = 0xff51afd7ed558ccdL; // odd, so that no two seeds fall together; it leaves small ones as they are
    private static final String ITERATIONS = "iterations";

    private final NDManager manager;
    private final Torch torch;
    private final Schedule schedule;
    private final NDArray z0;
    private final NDArray text;
    private final ForwardContext context;
    private final UNet unet;
    private final long seed;
    private final Map<String, NDArray> trained = new LinkedHashMap<>();
    private final AdamW optimizer;

    /**
     * @param owner of all that is made, and what it is tuned on
     * @param file the UNet's weights, with temporal attention; read and left open
     * @param state where {@link #write} wrote, or null to begin; read and left open
     * @param z0 the clip's latents, {@code (frames, channels, h, w)} in single precision; copied, as is {@code text}
     * @param text the encoding of what the clip shows, {@code (1, tokens, width)}
     * @param context frames of each iteration, consecutive ones, up to those of the clip: fewer take less memory; keys and norms
     * @param rate learning rate
     * @param seed of the noise
     * @throws IOException if the file is not the UNet that {@code config} describes
     */
    Tuner(NDManager owner, UNetConfig config, SafeTensors file, SafeTensors state, Schedule schedule, NDArray z0, NDArray text,
            ForwardContext context, double rate, long seed) throws IOException {
        this.schedule = schedule;
        this.context = context;
        this.seed = seed;
        manager = owner.newSubManager();
        try {
            torch = new Torch(manager, true);
            this.z0 = ordinary(z0);
            this.text = ordinary(text);
            Weights before = state == null ? null : Weights.of(state, manager, DataType.FLOAT32, torch);
            Weights.Adapter collect = (name, tensor) -> {
                if (!TRAINED.matcher(name).matches()) {
                    return tensor;
                }
                NDArray weight = tensor;
                if (before != null) {
                    weight = before.get(name, tensor.getShape().getShape());
                    tensor.close();
                }
                weight.setRequiresGradient(true);
                trained.put(name, weight);
                return weight;
            };
            unet = new UNet(config, Weights.of(file, file.entries(), collect, manager, DataType.FLOAT32, torch));
            optimizer = new AdamW(torch, trained, rate, LIMIT);
            if (before != null) {
                optimizer.restore(before, Integer.parseInt(state.metadata().getOrDefault(ITERATIONS, "0")));
            }
        } catch (IOException | RuntimeException | Error e) {
            manager.close();
            throw e;
        }
    }

    /** A copy outside of inference mode, in which {@link Torch} made the array: autograd takes no inference tensors. */
    private NDArray ordinary(NDArray array) {
        NDArray copy = array.duplicate();
        copy.attach(manager);
        return copy;
    }

    /** Iterations made so far. */
    int iterations() {
        return optimizer.steps();
    }

    /** The weights that are trained, by name. */
    Map<String, NDArray> trained() {
        return trained;
    }

    /** Writes what another tuner needs to go on from here. */
    void write(Path state, Map<String, String> notes) throws IOException {
        Map<String, NDArray> tensors = new LinkedHashMap<>(trained);
        tensors.putAll(optimizer.state());
        Map<String, String> metadata = new LinkedHashMap<>(notes);
        metadata.put(ITERATIONS, Integer.toString(iterations()));
        TensorWriter.write(state, tensors, metadata);
    }

    /**
     * One iteration: noise of a random level on some consecutive frames, predicted. What is random depends on the seed and the
     * number of the iteration alone.
     *
     * @return the mean squared error of the prediction, before it was learnt from
     */
    double iterate() {
        SplittableRandom random = new SplittableRandom((seed << 32) + (seed >>> 32) * SPREAD + iterations());
        int t = random.nextInt(schedule.timesteps());
        int first = random.nextInt((int) z0.getShape().get(0) - context.frames() + 1);
        try (NDManager iteration = manager.newSubManager()) {
            NDArray frames = z0.get(iteration, new NDIndex("{}:{}", first, first + context.frames()));
            float[] noise = new float[(int) frames.getShape().size()];
            for (int i = 0; i < noise.length; i++) {
                noise[i] = (float) random.nextGaussian();
            }
            return learn(frames, iteration.create(noise, frames.getShape()), t);
        }
    }

    double learn(NDArray frames, NDArray noise, int t) {
        double loss = backward(frames, noise, t);
        optimizer.step();
        return loss;
    }

    /** Leaves gradients of the loss in the trained weights. */
    double backward(NDArray frames, NDArray noise, int t) {
        Libtorch.runWithoutOptimizer();
        double level = schedule.alphaBar(t);
        try (NDManager forward = frames.getManager().newSubManager();
                GradientCollector gradients = Engine.getEngine("PyTorch").newGradientCollector()) {
            NDArray z = frames.mul(Math.sqrt(level)).add(noise.mul(Math.sqrt(1 - level)));
            z.attach(forward);
            NDArray loss = unet.forward(z, t, text, context).sub(noise).square().mean();
            gradients.backward(loss);
            return loss.getFloat();
        }
    }

    @Override
    public void close() {
        manager.close();
    }
}
