package org.fatezero;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.diffusion.Schedule;
import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.KeyFrames;
import org.fatezero.forward.Window;
import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;
import org.fatezero.text.Prompt;
import org.fatezero.text.TextEncoder;
import org.fatezero.text.Tokenizer;
import org.fatezero.unet.UNet;
import org.fatezero.unet.UNetConfig;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/** The tiny checkpoint of {@code tests/golden}, loaded to run the method with. */
public final class Tiny implements AutoCloseable {

    public final NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
    public final Torch torch;
    public final Tokenizer tokenizer;
    public final UNet unet;
    private final TextEncoder encoder;
    private final DataType precision;

    public Tiny() throws IOException {
        this(DataType.FLOAT32);
    }

    /** @param precision FLOAT64 tells apart what rounding makes of one formula from two formulas */
    public Tiny(DataType precision) throws IOException {
        this.precision = precision;
        torch = new Torch(manager);
        tokenizer = new Tokenizer(Golden.TINY.resolve("tokenizer"));
        try (SafeTensors text = new SafeTensors(Weights.find(Golden.TINY.resolve("text_encoder")));
                SafeTensors noise = new SafeTensors(Weights.find(Golden.TINY.resolve("unet")))) {
            encoder = new TextEncoder(TextEncoder.Config.read(Golden.config("text_encoder")), weights(text));
            unet = new UNet(UNetConfig.read(Golden.config("unet")), weights(noise));
        }
    }

    private Weights weights(SafeTensors file) {
        return Weights.of(file, manager, precision, torch);
    }

    public static Schedule schedule(int steps) throws IOException {
        return schedule(steps, false);
    }

    public static Schedule schedule(int steps, boolean implicit) throws IOException {
        Path file = Golden.TINY.resolve("scheduler/scheduler_config.json");
        return new Schedule(new ModelConfig(file), steps, steps, implicit);
    }

    public Prompt prompt(String text) {
        return tokenizer.encode(text, 77);
    }

    /** {@code (prompts, 77, width)} */
    public NDArray text(String... prompts) {
        NDArray text = encoder.forward(manager, prompt(prompts[0]).ids());
        for (int i = 1; i < prompts.length; i++) {
            text = text.concat(encoder.forward(manager, prompt(prompts[i]).ids()), 0);
        }
        return text;
    }

    /** Normal numbers, the same each time, in the model's precision. */
    public NDArray normal(NDManager owner, long... shape) {
        return random(owner, shape).toType(precision, false);
    }

    /** Normal numbers in single precision. */
    public static NDArray random(NDManager manager, long... shape) {
        Random random = new Random(shape.length + shape[0]);
        float[] values = new float[(int) new Shape(shape).size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return manager.create(values, new Shape(shape));
    }

    public static ForwardContext context(int frames, String... keys) {
        return ForwardContext.of(new Window(frames, new KeyFrames(List.of(keys), frames), 64, true, false));
    }

    @Override
    public void close() {
        tokenizer.close();
        manager.close();
    }
}
