package org.fatezero.engine;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.edit.plan.EditPlan;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.inversion.TokenSet;
import org.fatezero.inversion.Trajectory;
import org.fatezero.inversion.TrajectoryFile;
import org.fatezero.io.Log;
import org.fatezero.io.Sha256;
import org.fatezero.io.UserPath;
import org.fatezero.model.Model;
import org.fatezero.options.Options;
import org.fatezero.options.OptionResolver;
import org.fatezero.text.Prompt;
import org.fatezero.video.FrameFormat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * Inversions kept on disk, a file for each window, named by the SHA-256 of all that it depends on: frames, model, source
 * prompt, settings. None is ever deleted: the folder is the user's. What is in a file shows the clip, so a folder that is made
 * here is open to its owner alone.
 *
 * @param settings what every window's inversion depends on besides its frames
 * @param words each token of the source prompt's words
 * @param denoised as in {@link Trajectory}
 */
record InversionCache(Path folder, Log log, String settings, int steps, List<TokenSet> words, boolean denoised) {

    /** Options that do not change an inversion, or do so only through the model or the frames, whose digests are part of the name. */
    private static final List<String> NOT_IN_KEY = List.of("presets", "model", "lora", "device", "precision", "window", "source", "captioner", "store", "inversion",
            "fuse_at", "show");

    private static final FileAttribute<?> OWNER_ALONE = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    /**
     * @param options of any edit
     * @param model what is inverted with
     * @param depth levels that inversion climbs
     * @throws IOException if the folder cannot be made
     */
    static InversionCache in(String folder, Log log, Options options, Model model, Prompt source, int depth) throws IOException {
        StringBuilder settings = new StringBuilder("fatezero inversion 3\n").append(model.digest).append('\n')
                .append(model.precision).append('\n').append(Arrays.toString(source.ids())).append('\n');
        OptionResolver.shared(options).forEach((name, value) -> {
            if (!NOT_IN_KEY.contains(name)) {
                settings.append(name).append('=').append(value).append('\n');
            }
        });
        try {
            Path path = UserPath.of("inversion", folder);
            if (!Files.isDirectory(path)) { // some versions of Java would not take a link to one
                Files.createDirectories(path, OWNER_ALONE);
            }
            return new InversionCache(path, log, settings.toString(), depth,
                    TokenSet.ofEachWordToken(source.pieces().size(), EditPlan.maskCells(options)),
                    options.attention().equals("reconstruction"));
        } catch (IOException e) {
            throw new IOException("inversion=" + folder + ": not a folder, and none can be made there (" + e + ")", e);
        }
    }

    /**
     * The file of the window of these frames, as {@link Engine#edit} gets them; it may or may not be there.
     *
     * @param beside whether the first is the shot's anchor, and none of the window's
     */
    TrajectoryFile file(FrameFormat frames, FrameBuffers source, boolean beside) {
        MessageDigest digest = Sha256.digest();
        String format = frames.width() + "x" + frames.height() + " of " + frames.bits() + " bits, " + source.count() + " frames";
        digest.update((settings + format + (beside ? ", the first an anchor" : "")).getBytes(StandardCharsets.UTF_8));
        for (int i = 0; i < source.count(); i++) {
            frames.digest(source.buffers()[i], source.strides()[i], digest);
        }
        String key = HexFormat.of().formatHex(digest.digest());
        return new TrajectoryFile(folder.resolve(key + ".safetensors"), key, steps, words, denoised);
    }

    /** The file's inversion with what these edits capture; null if there is no file, or it cannot be used. */
    Trajectory read(TrajectoryFile file, NDManager window, Model model, Shape latent, List<CaptureSpec> edits) {
        try {
            Trajectory trajectory = file.read(window, model.torch, latent, edits);
            log.log(Log.VERBOSE, "inversion read from " + file.path());
            return trajectory;
        } catch (NoSuchFileException e) {
            return null;
        } catch (FileSystemException e) { // it could not be opened, so it stays: its content may be right
            log.log(Log.WARNING, e + "; the window is inverted again");
        } catch (IOException e) {
            log.log(Log.WARNING, e.getMessage() + "; " + setAside(file.path()) + ", and the window is inverted again");
        }
        return null;
    }

    /** Renames a file whose content is wrong, so that its owner can look at it. */
    private static String setAside(Path file) {
        Path aside = file.resolveSibling(file.getFileName() + ".damaged");
        try {
            Files.move(file, aside, StandardCopyOption.REPLACE_EXISTING);
            return "it is " + aside.getFileName() + " now";
        } catch (IOException e) {
            return "it cannot be renamed (" + e + ")";
        }
    }

    /** Writes an inversion to the file. A failure is only a warning: the edit goes on without the file. */
    void write(TrajectoryFile file, Trajectory trajectory, String source) {
        try {
            file.write(trajectory, Map.of("source", source));
            log.log(Log.VERBOSE, "inversion kept in " + file.path());
        } catch (IOException e) {
            log.log(Log.WARNING, "inversion=" + folder + ": this window's cannot be kept: " + e);
        }
    }
}
