package org.fatezero.caption;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;

import org.fatezero.nn.Conv2d;
import org.fatezero.nn.Linear;
import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;
import org.fatezero.video.Frame;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A small network that tells the classes of one known world apart: object, colour, place and style, and whether it knows the
 * object and the place at all. Convolutions with ReLU, the mean and the maximum of the last map, one matrix.
 * {@code tests/pocket/train_captioner.py} trains it.
 */
public final class SceneReader implements Captioner {

    /** What {@code config.json} says that this reads. */
    static final String MODEL_TYPE = "scene_reader";

    /** A class is named if it is likelier than all others together. */
    private static final double LIKELY = 0.5;
    private static final int LONGEST = 1 << 12; // pixels of a frame's long side, once resized

    private final NDManager manager;
    private final Torch torch;
    private final int size; // pixels of a frame's short side
    private final SceneWords words;
    private final List<Conv2d> convs = new ArrayList<>();
    private final Linear head;

    /**
     * @param folder with {@code config.json} and {@code model.safetensors}
     * @throws IOException if a file is missing or not what it should be, naming it
     */
    public SceneReader(Path folder) throws IOException {
        ModelConfig config = new ModelConfig(folder.resolve("config.json"));
        manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
        try (SafeTensors file = new SafeTensors(Weights.find(folder))) {
            torch = new Torch(manager);
            size = config.integer("size", null);
            if (size < 16 || size > 1024) {
                throw config.wrong("size", "16 to 1024 pixels");
            }
            words = SceneWords.read(config);
            int[] widths = config.integers("widths");
            int[] strides = config.integers("strides");
            if (strides.length != widths.length) {
                throw config.wrong("strides", "as many as widths, " + widths.length);
            }
            Weights weights = Weights.of(file, manager, DataType.FLOAT32, torch);
            int in = 3;
            for (int i = 0; i < widths.length; i++) {
                convs.add(Conv2d.read(weights.at("convs." + i), in, widths[i], 3, strides[i], 1));
                in = widths[i];
            }
            head = Linear.read(weights.at("head"), 2 * in, Arrays.stream(words.classes()).sum());
            weights.requireAllRead();
        } catch (IOException | RuntimeException | Error e) {
            manager.close();
            throw e;
        }
        manager.cap();
    }

    @Override
    public String caption(Frame frame) {
        int[] classes = words.classes();
        double[][] p = probabilities(logits(frame), classes);
        int object = likeliest(p[0], words.objects().size() + 1);
        int colour = likeliest(p[1], -1);
        int place = likeliest(p[2], words.places().size());
        return words.sentence(object, colour, place, likeliest(p[3], 0));
    }

    @Override
    public double[] logProbabilities(Frame frame, List<String> captions) {
        double[][] p = probabilities(logits(frame), words.classes());
        return captions.stream().mapToDouble(caption -> words.logProbability(caption, p)).toArray();
    }

    /** The class that is likely enough, or else {@code unknown}. */
    private static int likeliest(double[] p, int unknown) {
        for (int i = 0; i < p.length; i++) {
            if (p[i] > LIKELY) {
                return i;
            }
        }
        return unknown;
    }

    /** Softmax over the classes of each factor, whose logits lie one after another. */
    private static double[][] probabilities(float[] logits, int[] classes) {
        double[][] p = new double[classes.length][];
        int at = 0;
        for (int i = 0; i < classes.length; i++) {
            float[] part = Arrays.copyOfRange(logits, at, at += classes[i]);
            double most = Double.NEGATIVE_INFINITY;
            for (float logit : part) {
                most = Math.max(most, logit);
            }
            p[i] = new double[part.length];
            double sum = 0;
            for (int j = 0; j < part.length; j++) {
                sum += p[i][j] = Math.exp(part[j] - most);
            }
            for (int j = 0; j < part.length; j++) {
                p[i][j] /= sum;
            }
        }
        return p;
    }

    /** The logits of all classes, factor after factor. */
    float[] logits(Frame frame) {
        try (NDManager temporary = manager.newSubManager()) {
            NDArray x = torch.channelsLast(pixels(frame, temporary));
            for (Conv2d conv : convs) {
                x = Activation.relu(conv.forward(x)); // (1, width, h, w)
            }
            int[] positions = {2};
            NDArray y = x.reshape(1, x.getShape().get(1), -1); // (1, width, positions)
            return head.forward(NDArrays.concat(new NDList(y.mean(positions), y.max(positions)), 1)).toFloatArray();
        }
    }

    /** {@code (1, 3, h, w)} in [-1, 1], the short side being {@link #size}. */
    private NDArray pixels(Frame frame, NDManager owner) {
        NDArray bytes = owner.create(ByteBuffer.wrap(frame.rgb()), new Shape(frame.rgb().length), DataType.UINT8);
        NDArray planar = torch.fromSamples(bytes, frame.height(), frame.width(), 3 * frame.width(), 1);
        double scale = (double) size / Math.min(frame.width(), frame.height());
        int h = (int) Math.min(Math.round(frame.height() * scale), LONGEST);
        int w = (int) Math.min(Math.round(frame.width() * scale), LONGEST);
        return h == frame.height() && w == frame.width() ? planar : torch.resize(planar, h, w);
    }

    @Override
    public void close() {
        manager.close();
    }
}
