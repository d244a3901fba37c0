package org.fatezero.tune;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;

import org.fatezero.device.Hardware;
import org.fatezero.diffusion.Schedule;
import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.KeyFrames;
import org.fatezero.forward.Window;
import org.fatezero.io.ModelConfig;
import org.fatezero.io.Sha256;
import org.fatezero.model.ModelFolder;
import org.fatezero.options.Options;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;
import org.fatezero.text.Prompt;
import org.fatezero.text.TextEncoder;
import org.fatezero.text.Tokenizer;
import org.fatezero.unet.UNetConfig;
import org.fatezero.vae.Vae;
import org.fatezero.video.Frame;
import org.fatezero.video.FrameFormat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A model that is being tuned on a clip, in the folder that it is written to. */
public final class Tuning implements AutoCloseable {

    /**
     * What is tuned, on what, and how; by the names of the program's options.
     *
     * @param model name of the model to begin with
     * @param source what the clip shows
     * @param device {@code auto}, {@code cpu}, {@code cuda} or {@code cuda:N}
     * @param size short side that frames are brought to; 0 for the model's own
     * @param batch frames of each iteration, consecutive ones; 0 for all
     * @param learning_rate of the optimiser
     * @param keys as the filter's option of this name, and likewise {@code keys_at} and {@code norm}
     * @param seed of the temporal layers and the noise
     */
    public record Settings(String model, String source, String device, int size, int batch, double learning_rate, String keys,
            String keys_at, String norm, long seed) {

        /** @throws IllegalArgumentException naming what is out of its range */
        public Settings {
            require(!source.isBlank(), "source", source, "a sentence that tells what the clip shows");
            require(size >= 0 && size <= 4096, "size", size, "0 to 4096");
            require(batch >= 0 && batch <= 128, "batch", batch, "0 to 128");
            require(learning_rate > 0 && learning_rate <= 1, "learning_rate", learning_rate, "more than 0, at most 1");
            Options.requireKeysAt(keys_at);
            require(norm.equals("frame") || norm.equals("window"), "norm", norm, "frame or window");
        }

        private static void require(boolean holds, String name, Object value, String expected) {
            if (!holds) {
                throw new IllegalArgumentException(name + "=" + value + ": expected " + expected);
            }
        }

        /** What must be the same when a tuning goes on. */
        private Map<String, String> notes() {
            Map<String, String> notes = new LinkedHashMap<>();
            notes.put("model", model);
            notes.put("source", source);
            notes.put("size", Integer.toString(size));
            notes.put("batch", Integer.toString(batch));
            notes.put("learning_rate", Double.toString(learning_rate));
            notes.put("keys", keys);
            notes.put("keys_at", keys_at);
            notes.put("norm", norm);
            notes.put("seed", Long.toString(seed));
            return notes;
        }
    }

    private static final String STATE = "tuning.safetensors";

    private final Map<String, String> notes;
    private TunedModelFolder folder; // under a temporary name until the beginning is complete
    private final NDManager manager;
    private final String unseen;
    private final Tuner tuner;

    /**
     * Begins, and {@linkplain #save saves} what it begins with, or goes on from what was saved last.
     *
     * @param clip frames of one size
     * @param out a new folder, or with {@code resume} one where a tuning was begun
     * @throws IllegalArgumentException for a setting that cannot be, or is not what it was
     * @throws IOException if a file is missing or not what it should be, naming it
     */
    public Tuning(Settings settings, List<Frame> clip, Path out, boolean resume) throws IOException {
        notes = settings.notes();
        notes.put("frames", Integer.toString(clip.size()));
        notes.put("input", digest(clip));
        if (settings.batch > clip.size()) {
            throw new IllegalArgumentException("batch=" + settings.batch + ": the clip has " + clip.size() + " frames");
        }
        int frames = settings.batch == 0 ? clip.size() : settings.batch;
        KeyFrames keys = KeyFrames.of(settings.keys, frames);
        Device device = Hardware.of(settings.device, "fp32").device();
        folder = resume ? begun(out) : begin(settings, out);
        manager = NDManager.newBaseManager(device, "PyTorch");
        try (SafeTensors before = resume ? new SafeTensors(state()) : null; SafeTensors unet = new SafeTensors(folder.unet());
                Tokenizer tokenizer = new Tokenizer(folder.path().resolve("tokenizer"))) {
            if (resume) {
                requireSame(before.metadata());
            }
            UNetConfig config = UNetConfig.read(config("unet/config.json"));
            int keysAt = config.cells(settings.keys_at, 1, 1, false); // at the model's own size, whatever the clip's
            ForwardContext context = ForwardContext.of(new Window(frames, keys, keysAt, false, settings.norm.equals("window")));
            TextEncoder.Config textConfig = TextEncoder.Config.read(config("text_encoder/config.json"));
            Prompt source = tokenizer.encode(settings.source, textConfig.maxPositionEmbeddings());
            unseen = source.unseen();
            try (NDManager encoding = manager.newSubManager()) {
                tuner = new Tuner(manager, config, unet, before, new Schedule(config("scheduler/scheduler_config.json"), 1),
                        encode(settings, config, clip, encoding), encode(textConfig, source, encoding),
                        context, settings.learning_rate, settings.seed);
            }
            if (resume) {
                before.requireIntact();
            } else {
                save();
                folder = folder.moveTo(out);
            }
        } catch (IOException | RuntimeException | Error e) {
            manager.close();
            if (!resume) {
                folder.delete();
            }
            throw e;
        }
    }

    private static TunedModelFolder begin(Settings settings, Path out) throws IOException {
        if (Files.exists(out)) {
            throw new FileAlreadyExistsException(out + ": exists already; --resume goes on with a tuning that was begun there");
        }
        if (settings.model.endsWith(".safetensors") && Files.isRegularFile(Path.of(settings.model))) {
            throw new IOException("model=" + settings.model
                    + ": a tuning begins with a folder in the diffusers layout, which this makes of it: "
                    + "python -c \"import sys, diffusers; diffusers.StableDiffusionPipeline.from_single_file(sys.argv[1])"
                    + ".save_pretrained(sys.argv[2])\" " + settings.model + " folder");
        }
        try (ModelFolder model = ModelFolder.find(settings.model)) {
            TunedModelFolder.deleteAbandoned(out.toAbsolutePath().getParent());
            return TunedModelFolder.create(model.path(), out.resolveSibling(TunedModelFolder.temporaryName()), settings.seed);
        }
    }

    private static TunedModelFolder begun(Path out) throws IOException {
        if (!Files.isRegularFile(out.resolve(STATE))) {
            throw new NoSuchFileException(out.resolve(STATE)
                    + ": missing, so there is no tuning to go on with; begin one without --resume, in a new folder");
        }
        return new TunedModelFolder(out);
    }

    private void requireSame(Map<String, String> before) {
        notes.forEach((name, value) -> {
            if (!value.equals(before.get(name))) {
                throw new IllegalArgumentException(name + "=" + value + ": the tuning that " + state() + " goes on with had "
                        + before.get(name) + "; give the same, or begin another in a new folder");
            }
        });
    }

    /** Tells one clip from another. */
    private static String digest(List<Frame> clip) {
        MessageDigest digest = Sha256.digest();
        clip.forEach(frame -> digest.update(frame.rgb()));
        return HexFormat.of().formatHex(digest.digest());
    }

    private ModelConfig config(String file) throws IOException {
        return new ModelConfig(folder.path().resolve(file));
    }

    private Path state() {
        return folder.path().resolve(STATE);
    }

    /** {@code (1, tokens, width)} */
    private NDArray encode(TextEncoder.Config config, Prompt source, NDManager encoding) throws IOException {
        try (SafeTensors file = new SafeTensors(Weights.find(folder.path().resolve("text_encoder")))) {
            Weights weights = Weights.of(file, encoding, DataType.FLOAT32, new Torch(encoding));
            return new TextEncoder(config, weights).forward(encoding, source.ids());
        }
    }

    /** {@code (frames, channels, h, w)} */
    private NDArray encode(Settings settings, UNetConfig unet, List<Frame> clip, NDManager encoding) throws IOException {
        try (SafeTensors file = new SafeTensors(Weights.find(folder.path().resolve("vae")))) {
            Torch torch = new Torch(encoding);
            Vae vae = new Vae(Vae.Config.read(config("vae/config.json")), Weights.of(file, encoding, DataType.FLOAT32, torch));
            double side = settings.size > 0 ? settings.size : unet.sampleSize() * vae.config().factor();
            NDList latents = new NDList();
            for (Frame frame : clip) {
                double scale = side / Math.min(frame.width(), frame.height());
                FrameFormat format = new FrameFormat(frame.width(), frame.height(), 8);
                try (NDArray x = format.read(ByteBuffer.wrap(frame.rgb()), 3 * frame.width(), vae.config().pixels(frame.height() * scale),
                        vae.config().pixels(frame.width() * scale), false, encoding, torch)) {
                    latents.add(vae.encode(x));
                }
            }
            return NDArrays.concat(latents, 0);
        }
    }

    /** What of the source the text encoder does not see, because it is too long; else nothing. */
    public String unseen() {
        return unseen;
    }

    /** Iterations made so far. */
    public int iterations() {
        return tuner.iterations();
    }

    /**
     * Makes one more.
     *
     * @return the loss: the mean squared error of the noise that was predicted
     * @throws IllegalArgumentException if the loss is not finite
     */
    public double iterate() {
        double loss = tuner.iterate();
        if (!Double.isFinite(loss)) {
            throw new IllegalArgumentException("the loss of iteration " + iterations() + " is not finite; try a lower learning_rate");
        }
        return loss;
    }

    /** Writes the model as it is now, and last what is needed to go on, so that who goes on finds nothing done that the model has not. */
    public void save() throws IOException {
        folder.save(tuner.trained());
        tuner.write(state(), notes);
    }

    @Override
    public void close() {
        manager.close();
    }
}
