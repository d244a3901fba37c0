package org.fatezero.model;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;

import org.fatezero.diffusion.Progress;
import org.fatezero.io.Log;
import org.fatezero.io.ModelConfig;
import org.fatezero.io.Sha256;
import org.fatezero.model.Checkpoint.Part;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;
import org.fatezero.text.TextEncoder;
import org.fatezero.text.Tokenizer;
import org.fatezero.unet.UNet;
import org.fatezero.unet.UNetConfig;
import org.fatezero.vae.Vae;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * A Stable Diffusion 1.x model in memory. Immutable once loaded, and shared by all engines that name it.
 */
public final class Model implements AutoCloseable {

    /** The usual scale for Stable Diffusion. */
    private static final double GUIDANCE = 7.5;

    private static final int LARGEST = 4096; // side of its frames, as of the option size

    public final NDManager manager;
    public final DataType precision; // of the UNet
    public final Torch torch;
    public final Tokenizer tokenizer;
    public final TextEncoder textEncoder;
    public final Vae vae;
    public final UNet unet;
    public final ModelConfig scheduler;
    public final double guidance; // the scale to use where the user sets none
    public final String digest; // of its configurations, weights and vocabulary

    /**
     * @param files of the model; like the LoRAs they may be closed afterwards
     * @param loras merged into the weights
     * @param log is told which of their tensors fit no weight
     * @param progress in tensors read; may end it
     * @throws IOException if a file is missing or does not hold what a model of this kind does
     */
    Model(Checkpoint files, List<Lora> loras, Device device, DataType precision, Log log, Progress progress) throws IOException {
        manager = NDManager.newBaseManager(device, "PyTorch");
        this.precision = precision;
        Tokenizer opened = null;
        try {
            torch = new Torch(manager);
            scheduler = files.scheduler();
            guidance = scheduler.number("_guidance_scale", GUIDANCE); // diffusers leaves such keys alone
            if (!(guidance >= 1 && guidance <= 50)) {
                throw scheduler.wrong("_guidance_scale", "a number from 1 to 50");
            }
            UNetConfig unetConfig = files.unet();
            Vae.Config vaeConfig = files.vae();
            TextEncoder.Config textConfig = files.textEncoder();
            if (unetConfig.crossAttentionDim() != textConfig.hiddenSize()
                    || unetConfig.inChannels() != vaeConfig.latentChannels()
                    || unetConfig.outChannels() != vaeConfig.latentChannels()) {
                throw new IOException(files.file(Part.UNET).file() + ": unet, vae and text_encoder do not fit each other: the UNet reads "
                        + "texts of " + unetConfig.crossAttentionDim() + " and latents of " + unetConfig.inChannels() + ", the others give "
                        + textConfig.hiddenSize() + " and " + vaeConfig.latentChannels());
            }
            if (unetConfig.sampleSize() < 1 || unetConfig.sampleSize() > LARGEST / vaeConfig.factor()) {
                throw new IOException(files.file(Part.UNET).file() + ": the UNet's sample_size is " + unetConfig.sampleSize() + " cells of "
                        + vaeConfig.factor() + " pixels, expected frames of up to " + LARGEST + " pixels a side");
            }
            Runnable counter = counting(files, progress);
            opened = new Tokenizer(files.tokenizer());
            tokenizer = opened;
            textEncoder = new TextEncoder(textConfig, weights(files, Part.TEXT_ENCODER, loras, counter));
            vae = new Vae(vaeConfig, weights(files, Part.VAE, List.of(), counter));
            unet = new UNet(unetConfig, weights(files, Part.UNET, loras, counter));
            MessageDigest read = Sha256.digest();
            files.digest(read);
            for (Path file : Tokenizer.files(files.tokenizer())) { // what words mean
                read.update(Files.readAllBytes(file));
            }
            for (Lora lora : loras) {
                lora.digest(read);
                Set<String> left = lora.leftOver();
                if (!left.isEmpty()) {
                    log.log(Log.WARNING, lora.file() + ": " + left.size() + " of its tensors have no place in this model, among them "
                            + left.iterator().next());
                }
            }
            digest = HexFormat.of().formatHex(read.digest());
        } catch (IOException | RuntimeException | Error e) {
            if (opened != null) {
                opened.close();
            }
            manager.close();
            throw e;
        }
        manager.cap(); // the weights' manager takes no more arrays: later ones belong to a window
    }

    /** Reports that loading begins, and, each time it is run, that one more tensor has been read. */
    private static Runnable counting(Checkpoint files, Progress progress) {
        int all = Stream.of(Part.values()).mapToInt(part -> files.tensors(part).size()).sum();
        AtomicInteger read = new AtomicInteger();
        progress.at(0, all);
        return () -> progress.at(read.incrementAndGet(), all);
    }

    private Weights weights(Checkpoint files, Part part, List<Lora> loras, Runnable counter) {
        Weights.Adapter adapter = (name, tensor) -> {
            counter.run();
            for (Lora lora : loras) {
                tensor = lora.adapt(part.folder(), name, tensor);
            }
            return tensor;
        };
        // the VAE and the text encoder run once a window: half precision would save little, and some VAEs overflow in fp16
        DataType type = part == Part.UNET ? precision : DataType.FLOAT32;
        return Weights.of(files.file(part), files.tensors(part), adapter, manager, type, torch);
    }

    /** The side of the frames it was trained on, in pixels. */
    public int nativeSize() {
        return unet.config().sampleSize() * vae.config().factor();
    }

    @Override
    public void close() {
        tokenizer.close();
        manager.close();
    }
}
