package org.fatezero.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.fatezero.io.CacheFolder;
import org.fatezero.io.Log;
import org.fatezero.io.Sha256;
import org.fatezero.model.Model;
import org.fatezero.options.Options;
import org.fatezero.options.Trait;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.TensorWriter;
import org.fatezero.tensor.Weights;
import org.fatezero.video.Mask;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Edited windows kept on disk, so that a film that was stopped goes on where it was: what was done costs no more than decoding. A file for
 * each window has the latents of all its edits, a few kilobytes a frame, and is named by the SHA-256 of all that they depend on: the
 * window's inversion, the options, and the engine's own build.
 *
 * @param settings what the edits of every window depend on besides its inversion
 */
record EditCache(CacheFolder folder, Log log, Model model, String settings, int edits) {

    private static final String KEY = "key";
    private static final String RESULTS = "results"; // the names of the tensors

    /** @param asked options of each edit */
    static EditCache in(CacheFolder folder, Log log, List<Options> asked, Model model) throws IOException {
        StringBuilder settings = new StringBuilder("fatezero edit 1\n").append(build()).append('\n');
        Set<String> notInKey = Options.names(Trait.NOT_IN_EDIT_KEY);
        for (Options options : asked) {
            options.byName().forEach((name, value) -> {
                if (!notInKey.contains(name)) {
                    settings.append(name).append('=').append(value).append('\n');
                }
            });
        }
        return new EditCache(folder, log, model, settings.toString(), asked.size());
    }

    /** Another build may edit otherwise. */
    private static String build() throws IOException {
        try {
            Path jar = Path.of(EditCache.class.getProtectionDomain().getCodeSource().getLocation().toURI());
            return Files.isRegularFile(jar) ? HexFormat.of().formatHex(Sha256.digest().digest(Files.readAllBytes(jar))) : "";
        } catch (URISyntaxException e) {
            throw new IOException(e);
        }
    }

    /** Names a window by its inversion and its masks, if it has any. */
    static String key(String inversion, List<Mask> masks) {
        if (masks == null) {
            return inversion;
        }
        MessageDigest digest = Sha256.digest();
        for (Mask mask : masks) {
            digest.update((mask.width() + "x" + mask.height() + "\n").getBytes(StandardCharsets.UTF_8));
            digest.update(mask.samples());
        }
        return inversion + ", masks " + HexFormat.of().formatHex(digest.digest());
    }

    /** @param inversion names the window's */
    private String key(String inversion) {
        return HexFormat.of().formatHex(Sha256.digest().digest((settings + inversion).getBytes(StandardCharsets.UTF_8)));
    }

    private Path file(String key) {
        return folder.file(key + ".edit");
    }

    /**
     * The results of a window that was edited before; null if there are none, or they cannot be used.
     *
     * @param inversion names the window's, as {@link #key(String, List)}
     * @param window owns them
     * @param frames of the window
     */
    List<Result> read(String inversion, NDManager window, int frames) {
        String key = key(inversion);
        Path path = file(key);
        return folder.read(path, "edit", "the window is edited again", () -> {
            try (SafeTensors file = new SafeTensors(path)) {
                if (!key.equals(file.metadata().get(KEY))) {
                    throw new IOException(path + ": belongs to another edit, " + file.metadata().get(KEY));
                }
                if (!file.entries().keySet().toString().equals(file.metadata().get(RESULTS))) {
                    throw new IOException(path + ": has " + file.entries().keySet() + ", expected " + file.metadata().get(RESULTS));
                }
                List<Result> results = new ArrayList<>();
                for (int i = 0; i < edits; i++) {
                    results.add(new Result(tensor(file, "edit." + i, window, frames), tensor(file, "heat." + i, window, frames),
                            tensor(file, "changed." + i, window, frames)));
                }
                file.requireIntact();
                return results;
            }
        });
    }

    /** @return null if the edit has no such result */
    private NDArray tensor(SafeTensors file, String name, NDManager window, int frames) throws IOException {
        SafeTensors.Entry entry = file.entries().get(name);
        if (entry == null) {
            return null;
        }
        if (entry.type() != SafeTensors.Type.F32 || entry.shape().length != 4 || entry.shape()[0] != frames) {
            throw new IOException(file.file() + ": " + name + " is not of " + frames + " frames");
        }
        NDArray read = Weights.read(file, entry, window, entry.shape());
        if (!model.torch.allFinite(read)) {
            throw new IOException(file.file() + ": " + name + " is not finite");
        }
        return model.torch.channelsLast(read);
    }

    private NDArray laidOut(NDArray array) {
        return array == null ? null : model.torch.channelsLast(array);
    }

    /**
     * Keeps the results of a window. A failure is only a warning.
     *
     * @return them in the memory layout that {@link #read} gives them, by which the decoder's rounding differs
     */
    List<Result> write(String inversion, List<Result> results) {
        String key = key(inversion);
        Map<String, NDArray> tensors = new LinkedHashMap<>();
        for (int i = 0; i < results.size(); i++) {
            if (results.get(i).z() != null) {
                tensors.put("edit." + i, results.get(i).z());
            }
            if (results.get(i).heat() != null) {
                tensors.put("heat." + i, results.get(i).heat());
            }
            if (results.get(i).changed() != null) {
                tensors.put("changed." + i, results.get(i).changed());
            }
        }
        try {
            TensorWriter.write(file(key), tensors, Map.of(KEY, key, RESULTS, tensors.keySet().toString()), CacheFolder.OF_FILES);
            log.log(Log.VERBOSE, "edit kept in " + file(key));
            folder.makeRoom();
        } catch (IOException e) {
            log.log(Log.WARNING, folder.option() + "=" + folder.path() + ": this window's edit cannot be kept: " + e);
        }
        return results.stream().map(result -> new Result(laidOut(result.z()), laidOut(result.heat()), laidOut(result.changed()))).toList();
    }
}
