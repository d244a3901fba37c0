package org.fatezero.inversion;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;

import org.fatezero.io.CacheFolder;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.TensorWriter;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * An inversion on disk: the latents of each level and, per word token of the source prompt, its summed cross-attention, which
 * blend masks are made from. Queries, keys and maps are a hundred times as large and are not in it: whoever edits from it recomputes them.
 *
 * @param path a safetensors file
 * @param key what the inversion depends on, which the file repeats
 * @param steps T
 * @param words each token of the source prompt's words
 * @param denoised as in {@link Trajectory}
 */
public record TrajectoryFile(Path path, String key, int steps, List<TokenSet> words, boolean denoised) {

    private static final String KEY = "key";

    /**
     * @param trajectory of {@link DdimInversion} or {@link Reconstruction} that {@code words} were captured in
     * @param notes for people that look into the file
     * @throws IOException as {@link TensorWriter#write}
     */
    public void write(Trajectory trajectory, Map<String, String> notes) throws IOException {
        Map<String, NDArray> tensors = new LinkedHashMap<>();
        Map<String, String> metadata = new LinkedHashMap<>(notes);
        metadata.put(KEY, key);
        for (int level = 0; level <= steps; level++) {
            tensors.put("latents." + level, trajectory.latents().get(level));
        }
        try (NDManager temporary = trajectory.zT().getManager().newSubManager()) {
            for (int k = 0; k < steps; k++) {
                NDArray maps = wordMaps(trajectory.attention().get(k));
                if (maps != null) {
                    maps.attach(temporary);
                    tensors.put("words." + k, maps);
                }
            }
            TensorWriter.write(path, tensors, metadata, CacheFolder.OF_FILES);
        }
    }

    /** {@code (frames, tokens, h, w)}, or null for a model without the sites that masks are made from. */
    private NDArray wordMaps(AttentionStore store) {
        NDList maps = new NDList();
        for (TokenSet token : words) {
            NDArray sum = store.tokens(token).sum();
            if (sum == null) {
                return null;
            }
            maps.add(sum);
        }
        return maps.isEmpty() ? null : NDArrays.concat(maps, 1);
    }

    /**
     * The inversion, checked to be the one that {@code key} names and complete.
     *
     * @param window owns it
     * @param latent shape of a level's latents
     * @param edits what each edit to come captures; it finds the sums of its tokens and nothing else
     * @throws IOException if there is no such file, or it is not, bit for bit, what {@link #write} made
     */
    public Trajectory read(NDManager window, Torch torch, Shape latent, List<CaptureSpec> edits) throws IOException {
        try (SafeTensors file = new SafeTensors(path)) {
            if (!key.equals(file.metadata().get(KEY))) {
                throw new IOException(path + ": belongs to another inversion, " + file.metadata().get(KEY));
            }
            List<NDArray> latents = new ArrayList<>();
            for (int level = 0; level <= steps; level++) {
                latents.add(tensor(file, "latents." + level, window, torch, latent.getShape()));
            }
            List<AttentionStore> stores = new ArrayList<>();
            for (int k = 0; k < steps; k++) {
                stores.add(store(file, "words." + k, window, torch, latent, edits));
            }
            file.requireIntact();
            return new Trajectory(latents, stores, denoised);
        }
    }

    private AttentionStore store(SafeTensors file, String name, NDManager window, Torch torch, Shape latent,
            List<CaptureSpec> edits) throws IOException {
        Map<TokenSet, TokenAttention> sums = new HashMap<>();
        List<TokenSet> wanted = edits.stream().flatMap(edit -> edit.tokens().stream()).distinct().toList();
        if (wanted.isEmpty()) {
            return new AttentionStore(sums);
        }
        SafeTensors.Entry entry = file.entries().get(name);
        boolean maps4 = entry != null && entry.shape().length == 4;
        long height = maps4 ? Math.max(1, Math.min(entry.shape()[2], latent.get(2))) : 1; // no larger than the latent
        long width = maps4 ? Math.max(1, Math.min(entry.shape()[3], latent.get(3))) : 1;
        long[] shape = {latent.get(0), words.size(), height, width};
        try (NDArray maps = tensor(file, name, window, torch, shape)) {
            for (TokenSet set : wanted) {
                sums.put(set, TokenAttention.of(set, sum(maps, set.array())));
            }
        }
        return new AttentionStore(sums);
    }

    private static NDArray sum(NDArray maps, int[] tokens) {
        NDArray sum = maps.get(new NDIndex(":, {}:{}", tokens[0] - 1, tokens[0]));
        for (int i = 1; i < tokens.length; i++) {
            try (NDArray before = sum; NDArray one = maps.get(new NDIndex(":, {}:{}", tokens[i] - 1, tokens[i]))) {
                sum = before.add(one);
            }
        }
        return sum;
    }

    private static NDArray tensor(SafeTensors file, String name, NDManager manager, Torch torch, long[] shape) throws IOException {
        SafeTensors.Entry entry = file.entries().get(name);
        if (entry == null || entry.type() != SafeTensors.Type.F32 || !Arrays.equals(entry.shape(), shape)) {
            throw new IOException(file.file() + ": " + name + (entry == null ? " is missing"
                    : " is " + entry.type() + " " + Arrays.toString(entry.shape())) + ", expected F32 " + Arrays.toString(shape));
        }
        NDArray read = Weights.read(file, entry, manager, shape);
        if (!torch.allFinite(read)) {
            read.close();
            throw new IOException(file.file() + ": " + name + " is not finite");
        }
        return read;
    }
}
