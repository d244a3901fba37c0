package org.fatezero.engine;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.inversion.Needs;
import org.fatezero.inversion.Trajectory;
import org.fatezero.inversion.TrajectoryFile;
import org.fatezero.io.Log;
import org.fatezero.io.Sha256;
import org.fatezero.model.Model;
import org.fatezero.options.Options;
import org.fatezero.options.Prompts;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * Inversions kept on disk, a file for each window, named by the SHA-256 of all that it depends on: frames, model, source
 * prompt, settings. Nothing is ever deleted: the folder is the user's.
 *
 * @param settings what every window's inversion depends on besides its frames
 * @param wordTokens tokens of the source prompt's words
 * @param denoised as in {@link Trajectory}
 */
record Inversions(Path folder, Log log, String settings, int steps, int wordTokens, boolean denoised) {

    /** Options of which an inversion is independent, and those that the model's digest and the frames themselves tell. */
    private static final List<String> NOT_IN_KEY = List.of("presets", "model", "lora", "device", "precision", "window", "source", "store", "inversion",
            "fuse_at", "show");

    /**
     * @param options of any edit
     * @param model what is inverted with
     * @param source tokens of the source prompt
     * @param depth levels that inversion climbs
     * @throws IOException if the folder cannot be made
     */
    static Inversions in(String folder, Log log, Options options, Model model, int[] source, int wordTokens,
            int depth) throws IOException {
        StringBuilder settings = new StringBuilder("fatezero inversion 1\n").append(model.digest).append('\n')
                .append(model.precision).append('\n').append(Arrays.toString(source)).append('\n');
        Prompts.shared(options).forEach((name, value) -> {
            if (!NOT_IN_KEY.contains(name)) {
                settings.append(name).append('=').append(value).append('\n');
            }
        });
        try {
            return new Inversions(Files.createDirectories(Path.of(folder)), log, settings.toString(), depth, wordTokens,
                    options.attention().equals("reconstruction"));
        } catch (InvalidPathException | IOException e) {
            throw new IOException("inversion=" + folder + ": not a folder, and none can be made there (" + e + ")", e);
        }
    }

    /** The file of the window of these frames, as {@link Engine#edit} gets them; it may or may not be there. */
    TrajectoryFile file(Frames frames, ByteBuffer[] source, int[] stride) {
        MessageDigest digest = Sha256.digest();
        digest.update((settings + frames + source.length).getBytes(StandardCharsets.UTF_8));
        for (int i = 0; i < source.length; i++) {
            frames.digest(source[i], stride[i], digest);
        }
        String key = HexFormat.of().formatHex(digest.digest());
        return new TrajectoryFile(folder.resolve(key + ".safetensors"), key, steps, wordTokens, denoised);
    }

    /** What is in the file for edits of these needs, or null if there is none or none that can be used. */
    Trajectory read(TrajectoryFile file, NDManager window, Model model, Shape latent, List<Needs> edits) {
        if (!Files.exists(file.path())) {
            return null;
        }
        try {
            Trajectory trajectory = file.read(window, model.torch, latent, edits);
            log.log(Log.VERBOSE, "inversion read from " + file.path());
            return trajectory;
        } catch (IOException e) {
            log.log(Log.WARNING, e.getMessage() + "; the window is inverted again");
            return null;
        }
    }

    /** Keeps an inversion in the file. That this fails is no reason to fail the edit. */
    void write(TrajectoryFile file, Trajectory trajectory, String source) {
        try {
            file.write(trajectory, Map.of("source", source));
            log.log(Log.VERBOSE, "inversion kept in " + file.path());
        } catch (IOException e) {
            log.log(Log.WARNING, "inversion=" + folder + ": this window's cannot be kept: " + e);
        }
    }
}
