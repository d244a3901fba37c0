package org.fatezero.model;

import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.text.TextEncoder;
import org.fatezero.unet.UNetConfig;
import org.fatezero.vae.Vae;

import java.io.IOException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Locale;
import java.util.Map;

/** The files of a Stable Diffusion 1.x model, in whichever layout, by the names of the diffusers one. */
interface Checkpoint extends AutoCloseable {

    /** The networks of a model. */
    enum Part {
        TEXT_ENCODER, VAE, UNET;

        /** Its folder in the diffusers layout. */
        String folder() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    TextEncoder.Config textEncoder() throws IOException;

    Vae.Config vae() throws IOException;

    UNetConfig unet() throws IOException;

    ModelConfig scheduler() throws IOException;

    /** The folder of the tokenizer's files. */
    Path tokenizer() throws IOException;

    /** The file that holds a part's tensors. */
    SafeTensors file(Part part);

    /** A part's tensors in that file, by the names of the diffusers layout. */
    Map<String, SafeTensors.Entry> tensors(Part part);

    /** Adds what tells this model from another, once its tensors are read. */
    void digest(MessageDigest digest) throws IOException;

    @Override
    void close() throws IOException;
}
