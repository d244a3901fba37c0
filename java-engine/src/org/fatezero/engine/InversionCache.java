package org.fatezero.engine;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.edit.plan.EditPlan;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.inversion.TokenSet;
import org.fatezero.inversion.Trajectory;
import org.fatezero.inversion.TrajectoryFile;
import org.fatezero.io.CacheFolder;
import org.fatezero.io.Log;
import org.fatezero.io.Sha256;
import org.fatezero.model.Model;
import org.fatezero.options.OptionResolver;
import org.fatezero.options.Options;
import org.fatezero.options.Trait;
import org.fatezero.text.Prompt;
import org.fatezero.video.FrameBuffers;
import org.fatezero.video.FrameFormat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Inversions kept on disk, a file for each window, named by the SHA-256 of all that it depends on: frames, model, source
 * prompt, settings.
 *
 * @param settings what every window's inversion depends on besides its frames
 * @param words each token of the source prompt's words
 * @param denoised as in {@link Trajectory}
 */
record InversionCache(CacheFolder folder, Log log, String settings, int steps, List<TokenSet> words, boolean denoised) {

    /**
     * @param options of any edit
     * @param model what is inverted with
     * @param depth levels that inversion climbs
     */
    static InversionCache in(CacheFolder folder, Log log, Options options, Model model, Prompt source, int depth) {
        StringBuilder settings = new StringBuilder("fatezero inversion 4\n").append(model.digest).append('\n')
                .append(model.precision).append('\n').append(Arrays.toString(source.ids())).append('\n').append(depth).append('\n');
        Set<String> notInKey = Options.names(Trait.NOT_IN_INVERSION_KEY);
        OptionResolver.shared(options).forEach((name, value) -> {
            if (!notInKey.contains(name)) {
                settings.append(name).append('=').append(value).append('\n');
            }
        });
        return new InversionCache(folder, log, settings.toString(), depth,
                TokenSet.ofEachWordToken(source.pieces().size(), EditPlan.maskCells(options)),
                options.attention().equals("reconstruction"));
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
        return new TrajectoryFile(folder.file(key), key, steps, words, denoised);
    }

    /** The file's inversion with what these edits capture; null if there is no file, or it cannot be used. */
    Trajectory read(TrajectoryFile file, NDManager window, Model model, Shape latent, List<CaptureSpec> edits) {
        return folder.read(file.path(), "inversion", "the window is inverted again", () -> file.read(window, model.torch, latent, edits));
    }

    /** Writes an inversion to the file. A failure is only a warning: the edit goes on without the file. */
    void write(TrajectoryFile file, Trajectory trajectory, String source) {
        try {
            file.write(trajectory, Map.of("source", source));
            log.log(Log.VERBOSE, "inversion kept in " + file.path());
            folder.makeRoom();
        } catch (IOException e) {
            log.log(Log.WARNING, "inversion=" + folder.path() + ": this window's cannot be kept: " + e);
        }
    }
}
