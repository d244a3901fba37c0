package org.fatezero.tensor;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.device.Libtorch;

import java.io.IOException;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The ATen operations that DJL lacks: fused attention, group norm, resampling and the like.
 *
 * <p>Each is a method of {@link TorchScript}'s archive. A result belongs to the manager of the first argument unless another is
 * named.
 *
 * <p>Results are made in libtorch's inference mode, so that no gradient passes through them, except of an instance that was
 * made for training: its operations can be differentiated. Arrays from the one kind of instance do not go through the other.
 */
public final class Torch implements AutoCloseable {

    private final Libtorch.Script script;
    private final boolean training;
    private final Layers layers;
    private final NDArray none;
    private final Libtorch.Script.Constants noConstants;

    /** Compiles the operations; they are closed with {@code manager} or by {@link #close}. */
    public Torch(NDManager manager) throws IOException {
        this(manager, false);
    }

    /** @param training whether gradients pass through the operations */
    public Torch(NDManager manager, boolean training) throws IOException {
        this(manager, training, training ? Set.of() : Layers.packedHere());
    }

    /** @param packed as {@link Layers} has it */
    Torch(NDManager manager, boolean training, Set<DataType> packed) throws IOException {
        script = Libtorch.load(manager, TorchScript.archive(Layers.source(packed)));
        layers = new Layers(this, packed);
        this.training = training;
        none = manager.create(new Shape(0));
        noConstants = script.constants();
    }

    /** Stands for an array that a layer does not have. */
    public NDArray none() {
        return none;
    }

    /** How the weights of layers are to lie. */
    public Layers layers() {
        return layers;
    }

    /**
     * @param method of {@link TorchScript}
     * @param constants its last arguments, which live as long as this instance's manager; another operation stands for its own constants
     */
    public Operation operation(String method, Object... constants) {
        return new Operation(this, method, constants);
    }

    /** Made once for many calls; null where gradients pass through, which takes them as arrays each time. */
    Libtorch.Script.Constants prepared(Object[] constants) {
        return training ? null : script.constants(constants);
    }

    /**
     * Fused attention {@code softmax(q k^T / sqrt(d)) v}; no map is built.
     *
     * @param q {@code (batch, queries, heads, d)}
     * @param k {@code (batch, keys, heads, d)}
     * @param v {@code (batch, keys, heads, d)}; the result has its precision, which {@code q} and {@code k} need not have
     * @return {@code (batch, queries, heads * d)}
     */
    public NDArray attention(NDArray q, NDArray k, NDArray v) {
        return run("attention", q, k, v, false);
    }

    /** {@link #attention} in which a query sees only keys at or before its own position. */
    public NDArray causalAttention(NDArray q, NDArray k, NDArray v) {
        return run("attention", q, k, v, true);
    }

    /**
     * Attention of each frame to some of the frames that keys are of.
     *
     * @param q {@code (branches, frames * positions, heads, d)}
     * @param k {@code (branches, of * positions, heads, d)}, as is {@code v}
     * @param lists for each frame as many of them, frame after frame; of length 0 for each frame its own
     * @return {@code (branches, frames * positions, heads * d)}
     */
    public NDArray frameAttention(NDArray q, NDArray k, NDArray v, int frames, int of, int[] lists) {
        return run("frame_attention", q, k, v, frames, of, lists);
    }

    /** The map itself, {@code softmax(q k^T / sqrt(d))}: {@code (batch, heads, queries, keys)}; shapes as in {@link #attention}. */
    public NDArray attentionMap(NDArray q, NDArray k) {
        return run("attention_map", q, k);
    }

    /** {@code map (batch, heads, queries, keys)} applied to {@code v (batch, keys, heads, d)}: {@code (batch, queries, heads * d)}. */
    public NDArray applyMap(NDArray map, NDArray v) {
        return run("apply_map", map, v);
    }

    /**
     * The fusion of cross-attention maps (Prompt-to-Prompt), {@code (map matrix + own e) v} with the edit's map {@code e = softmax(q k^T /
     * sqrt(d))}, without a sum of maps.
     *
     * @param map the source's {@code (1, heads, queries, keys)}
     * @param matrix {@code (keys, keys)}
     * @param own {@code (keys)}
     */
    public NDArray fusedCrossAttention(NDArray q, NDArray k, NDArray v, NDArray map, NDArray matrix, NDArray own) {
        return run("fused_cross_attention", q, k, v, map, matrix, own);
    }

    /** Likewise with the source's queries and keys in place of its map. */
    public NDArray fusedCrossAttention(NDArray q, NDArray k, NDArray v, NDArray sourceQ, NDArray sourceK, NDArray matrix, NDArray own) {
        return run("fused_cross_attention_of", q, k, v, sourceQ, sourceK, matrix, own);
    }

    /** {@code q, k, v} without their last branch, then the last branch of each: views. */
    public NDList splitLast(NDArray q, NDArray k, NDArray v) {
        return script.runForList(q.getManager(), "split_last", noConstants, q, k, v);
    }

    /** {@code u + scale (c - u)} of {@code x}, which holds {@code u} and after it {@code c}, each half of the first axis. */
    public NDArray guided(NDArray x, double scale) {
        return run("guided", x, scale);
    }

    /** {@code x weight^T + bias} over the last axis; the weight is plain or of {@link Layers#ofLinear}, {@code bias} may be null. */
    public NDArray linear(NDArray x, NDArray weight, NDArray bias) {
        return bias == null ? run("project", x, weight) : run("linear", x, weight, bias);
    }

    /** Square 2-D convolution of {@code x (n, c, h, w)} with a weight of {@link Layers#ofConvolution}. */
    public NDArray conv2d(NDArray x, NDArray weight, NDArray bias, int stride, int padding) {
        return run("conv2d", x, weight, bias, stride, padding);
    }

    /** {@code x (n, c, h, w)} with one row and one column of zeros at its end. */
    public NDArray padEnd(NDArray x) {
        return run("pad_end", x);
    }

    /** Group norm over {@code (c / groups, ...)} of {@code x (n, c, ...)}. */
    public NDArray groupNorm(NDArray x, int groups, NDArray weight, NDArray bias, double eps) {
        return run("group_norm", x, groups, weight, bias, eps);
    }

    /**
     * {@link #groupNorm} followed by SiLU.
     *
     * @param x {@code (branches * frames, c, h, w)}
     * @param frames how many consecutive frames share their statistics; 1 for each its own
     */
    public NDArray groupNormSilu(NDArray x, int frames, int groups, NDArray weight, NDArray bias, double eps) {
        return run("group_norm_silu", x, frames, groups, weight, bias, eps);
    }

    /** Layer norm over the last axis. */
    public NDArray layerNorm(NDArray x, NDArray weight, NDArray bias, double eps) {
        return run("layer_norm", x, weight, bias, eps);
    }

    /**
     * Adds {@code y} to {@code x} in place. DJL's own in-place operations refuse arrays that were made here.
     *
     * @return {@code x}
     */
    public NDArray addTo(NDArray x, NDArray y) {
        run("add_", x, y).close();
        return x;
    }

    /** Exact GELU. */
    public NDArray gelu(NDArray x) {
        return run("gelu", x);
    }

    /** {@code x sigmoid(1.702 x)}: the activation of CLIP's text encoder. */
    public NDArray quickGelu(NDArray x) {
        return run("quick_gelu", x);
    }

    /** Nearest-neighbour resize of {@code x (n, c, h, w)}. */
    public NDArray nearest(NDArray x, int height, int width) {
        return run("upsample_nearest", x, height, width);
    }

    /** Resize of floating {@code x (n, c, h, w)} by the mean of what each cell covers. */
    public NDArray area(NDArray x, int height, int width) {
        return run("area", x, height, width);
    }

    /** Antialiased bicubic resize of floating {@code x (n, c, h, w)}. */
    public NDArray resize(NDArray x, int height, int width) {
        return run("resize", x, height, width);
    }

    /** Antialiased bilinear resize of floating {@code x (n, c, h, w)}: {@link #resize} with a triangle, softer. */
    public NDArray resizeBilinear(NDArray x, int height, int width) {
        return run("resize_bilinear", x, height, width);
    }

    /** A packed RGB frame's {@code bytes}, its rows stride apart and its samples of 1 byte or 2, as {@code (1, 3, h, w)} of -1 to 1. */
    public NDArray fromSamples(NDArray bytes, int height, int width, int stride, int size) {
        return run("from_samples", bytes, height, width, stride, size);
    }

    /** Floats {@code (n, c, h, w)}, clipped to -1 to 1, as whole numbers {@code (n, h, w, c)} of 0 to 2 scale. */
    public NDArray toSamples(NDArray x, double scale) {
        return run("to_samples", x, scale);
    }

    /** 3x3 max-pool of stride 1 that keeps the size of {@code x (n, c, h, w)}. */
    public NDArray maxPool3(NDArray x) {
        return run("max_pool3", x);
    }

    /**
     * {@code map (1, heads, queries, keys)}, averaged over heads and summed over the listed keys: {@code (queries)}, in single
     * precision at least.
     */
    public NDArray mapOfTokens(NDArray map, int... tokens) {
        try (NDArray index = indices(map, tokens)) {
            return run("map_of_tokens", map, index);
        }
    }

    /** {@code x (n, c, h, w)} divided by the maximum of each {@code (h, w)}. */
    public NDArray overMaximum(NDArray x) {
        return run("over_maximum", x);
    }

    /** The listed rows of the first axis, repeats allowed. */
    public NDArray rows(NDArray x, int... rows) {
        try (NDArray index = indices(x, rows)) {
            return run("select_rows", x, index);
        }
    }

    private static NDArray indices(NDArray x, int[] indices) {
        try (NDArray view = x.getManager().create(Arrays.stream(indices).asLongStream().toArray())) {
            return view.duplicate(); // which a gradient may need when Java's array is gone
        }
    }

    /** A copy of {@code x} in bfloat16: DJL can carry such arrays but not create them. */
    public NDArray toBfloat16(NDArray x) {
        return run("to_bfloat16", x);
    }

    /** A copy of {@code x} in half precision that belongs to {@code to}. */
    public NDArray halved(NDManager to, NDArray x) {
        return run(to, "to_half", x);
    }

    /** A copy of {@code x} of the type and on the device of {@code like}. */
    public NDArray copyTo(NDArray x, NDArray like) {
        return copyTo(x.getManager(), x, like);
    }

    /** {@link #copyTo(NDArray, NDArray)} that belongs to {@code to}. */
    public NDArray copyTo(NDManager to, NDArray x, NDArray like) {
        return run(to, "copy_to", x, like);
    }

    /** {@code x (n, c, h, w)} with its channels innermost. */
    public NDArray channelsLast(NDArray x) {
        return run("channels_last", x);
    }

    /** {@code source matrix + edit * own}: columns of one map moved by a matrix, those of another scaled. */
    public NDArray remap(NDArray source, NDArray matrix, NDArray edit, NDArray own) {
        return run("remap", source, matrix, edit, own);
    }

    /** {@code a + weight * (b - a)}. */
    public NDArray lerp(NDArray a, NDArray b, NDArray weight) {
        return run("lerp", a, b, weight);
    }

    /**
     * Stops a computation that has gone wrong where it has.
     *
     * @param what the numbers are
     * @throws NotFiniteException unless all are finite
     */
    public void requireFinite(NDArray x, String what) {
        if (!allFinite(x)) {
            throw new NotFiniteException(what);
        }
    }

    public boolean allFinite(NDArray x) {
        try (NDArray all = run("all_finite", x)) {
            return all.getBoolean();
        }
    }

    /** Runs an operation; what it gives belongs to the manager of the first argument. */
    NDArray run(String method, Object... arguments) {
        return run(((NDArray) arguments[0]).getManager(), method, arguments);
    }

    /**
     * @param to owns the result
     * @param arguments arrays, int, double, boolean or int[]
     */
    private NDArray run(NDManager to, String method, Object... arguments) {
        return training ? withGradients(to, method, arguments).singletonOrThrow() : script.run(to, method, noConstants, arguments);
    }

    /** Likewise, also of an instance that was made for training. */
    NDArray runWithoutGradients(String method, Object... arguments) {
        return script.run(((NDArray) arguments[0]).getManager(), method, noConstants, arguments);
    }

    /** {@link Operation#run}. */
    NDArray run(String method, Object[] constants, Libtorch.Script.Constants prepared, Object[] arguments) {
        NDManager to = ((NDArray) arguments[0]).getManager();
        return training ? withGradients(to, method, arguments, constants).singletonOrThrow() : script.run(to, method, prepared, arguments);
    }

    /** {@link Operation#runForList}. */
    NDList runForList(String method, Object[] constants, Libtorch.Script.Constants prepared, Object[] arguments) {
        NDManager to = ((NDArray) arguments[0]).getManager();
        return training ? withGradients(to, method, arguments, constants) : script.runForList(to, method, prepared, arguments);
    }

    private NDList withGradients(NDManager to, String method, Object[] arguments, Object... constants) {
        return Operation.runWithGradients(script, to, method, Stream.concat(Arrays.stream(arguments), Arrays.stream(constants)).toArray());
    }

    @Override
    public void close() {
        script.close();
    }
}
