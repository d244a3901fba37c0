package org.fatezero.tensor;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValue;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * The ATen operations that DJL lacks: fused attention, group norm, resampling and the like.
 *
 * <p>DJL can run any TorchScript archive, and an archive is only a zip with the source of its methods, so this class
 * writes one in memory and calls its methods. No Python and no file is involved. Each result belongs to the manager of
 * the first argument.
 *
 * <p>Results are made in libtorch's inference mode, so that no gradient passes through them, except of an instance that was
 * made for training: its operations can be differentiated. Arrays from the one kind of instance do not go through the other.
 */
public final class Torch implements AutoCloseable {

    private static final String WITH_ARRAYS = "with_arrays_";
    private static final Pattern METHOD = Pattern.compile("def (\\w+)\\(self: __torch__\\.Ops, (.*)\\) -> Tensor:");
    private static final Pattern NUMBER = Pattern.compile("(\\w+): (int|float|bool)\\b");

    /** TorchScript's serialised dialect: namespaced calls with every argument given. */
    private static final String SOURCE = """
            op_version_set = 1
            class Ops(Module):
              __parameters__ = []
              __buffers__ = []
              training : bool
              def attention(self: __torch__.Ops, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
                o = torch.scaled_dot_product_attention(torch.transpose(q, 1, 2), torch.transpose(k, 1, 2), torch.transpose(v, 1, 2), None, 0., causal)
                return torch.flatten(torch.transpose(o, 1, 2), 2, 3)
              def attention_map(self: __torch__.Ops, q: Tensor, k: Tensor) -> Tensor:
                scale = torch.pow(torch.size(q, 3), -0.5)
                s = torch.matmul(torch.mul(torch.transpose(q, 1, 2), scale), torch.permute(k, [0, 2, 3, 1]))
                return torch.softmax(s, -1)
              def apply_map(self: __torch__.Ops, map: Tensor, v: Tensor) -> Tensor:
                return torch.flatten(torch.transpose(torch.matmul(map, torch.transpose(v, 1, 2)), 1, 2), 2, 3)
              def linear(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
                return torch.linear(x, weight, bias)
              def project(self: __torch__.Ops, x: Tensor, weight: Tensor) -> Tensor:
                return torch.linear(x, weight, None)
              def conv2d(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
                return torch.conv2d(x, weight, bias, [stride, stride], [padding, padding], [1, 1], 1)
              def over_frames(self: __torch__.Ops, x: Tensor, frames: int, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
                positions = torch.permute(x, [0, 2, 3, 1])
                clip = torch.flatten(torch.unflatten(positions, 0, [-1, frames]), 2, 3)
                y = torch.conv2d(torch.permute(clip, [0, 3, 1, 2]), weight, bias, [1, 1], [1, 0], [1, 1], 1)
                rows = torch.reshape(torch.permute(y, [0, 2, 3, 1]), [torch.size(x, 0), torch.size(x, 2), torch.size(x, 3), -1])
                return torch.permute(rows, [0, 3, 1, 2])
              def temporal_conv(self: __torch__.Ops, x: Tensor, frames: int, weight: Tensor, bias: Tensor) -> Tensor:
                return (self).over_frames(x, frames, weight, bias)
              def temporal_project(self: __torch__.Ops, x: Tensor, frames: int, weight: Tensor) -> Tensor:
                return (self).over_frames(x, frames, weight, None)
              def pad_end(self: __torch__.Ops, x: Tensor) -> Tensor:
                return torch.constant_pad_nd(x, [0, 1, 0, 1], 0)
              def group_norm(self: __torch__.Ops, x: Tensor, groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
                return torch.group_norm(x, groups, weight, bias, eps)
              def group_norm_silu(self: __torch__.Ops, x: Tensor, groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
                return torch.silu_(torch.group_norm(x, groups, weight, bias, eps))
              def layer_norm(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
                return torch.layer_norm(x, [torch.size(weight, 0)], weight, bias, eps)
              def add_(self: __torch__.Ops, x: Tensor, y: Tensor) -> Tensor:
                return torch.add_(x, y)
              def silu(self: __torch__.Ops, x: Tensor) -> Tensor:
                return torch.silu(x)
              def gelu(self: __torch__.Ops, x: Tensor) -> Tensor:
                return torch.gelu(x)
              def quick_gelu(self: __torch__.Ops, x: Tensor) -> Tensor:
                return torch.mul(x, torch.sigmoid(torch.mul(x, 1.702)))
              def geglu(self: __torch__.Ops, x: Tensor) -> Tensor:
                half = torch.floordiv(torch.size(x, -1), 2)
                gate = torch.gelu(torch.slice(x, -1, half, None, 1))
                return torch.mul_(gate, torch.slice(x, -1, 0, half, 1))
              def upsample_nearest(self: __torch__.Ops, x: Tensor, height: int, width: int) -> Tensor:
                return torch.upsample_nearest2d(x, [height, width], None, None)
              def resize(self: __torch__.Ops, x: Tensor, height: int, width: int) -> Tensor:
                return torch._upsample_bicubic2d_aa(x, [height, width], False, None, None)
              def from_samples(self: __torch__.Ops, x: Tensor, scale: float) -> Tensor:
                return torch.sub_(torch.mul_(torch.to(torch.permute(x, [0, 3, 1, 2]), 6, False, True, None), scale), 1)
              def to_samples(self: __torch__.Ops, x: Tensor, scale: float) -> Tensor:
                y = torch.round_(torch.mul_(torch.add_(torch.clamp(x, -1., 1.), 1), scale))
                return torch.permute(y, [0, 2, 3, 1])
              def max_pool3(self: __torch__.Ops, x: Tensor) -> Tensor:
                return torch.max_pool2d(x, [3, 3], [1, 1], [1, 1], [1, 1], False)
              def map_of_tokens(self: __torch__.Ops, map: Tensor, tokens: Tensor) -> Tensor:
                positions = torch.index_select(torch.mean(map, [0, 1], False), 1, tokens)
                return torch.sum(torch.mul(positions, torch.ones_like(positions, dtype=6)), [1], False)
              def over_maximum(self: __torch__.Ops, x: Tensor) -> Tensor:
                return torch.div(x, torch.amax(x, [2, 3], True))
              def select_rows(self: __torch__.Ops, x: Tensor, rows: Tensor) -> Tensor:
                return torch.index_select(x, 0, rows)
              def copy_to(self: __torch__.Ops, x: Tensor, like: Tensor) -> Tensor:
                return torch.to(x, like, False, True, None)
              def to_bfloat16(self: __torch__.Ops, x: Tensor) -> Tensor:
                return torch.to(x, 15, False, True, None)
              def channels_last(self: __torch__.Ops, x: Tensor) -> Tensor:
                return torch.contiguous(x, memory_format=2)
              def remap(self: __torch__.Ops, source: Tensor, matrix: Tensor, edit: Tensor, own: Tensor) -> Tensor:
                return torch.addcmul(torch.matmul(source, matrix), edit, own)
              def lerp(self: __torch__.Ops, a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
                return torch.lerp(a, b, weight)
              def adam_w(self: __torch__.Ops, weight: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, scale: float, keep: float, rate: float, correction: float, beta1: float, beta2: float) -> Tensor:
                g = torch.mul(gradient, scale)
                m = torch.add_(torch.mul_(mean, beta1), torch.mul(g, torch.sub(1., beta1)))
                v = torch.addcmul_(torch.mul_(square, beta2), g, g, value=torch.sub(1., beta2))
                denominator = torch.add(torch.sqrt(torch.div(v, correction)), 1e-8)
                return torch.addcdiv_(torch.mul_(weight, keep), m, denominator, value=torch.neg(rate))
              def all_finite(self: __torch__.Ops, x: Tensor) -> Tensor:
                return torch.all(torch.isfinite(x))
            """;

    private static final double BETA1 = 0.9;
    private static final double BETA2 = 0.999;

    private final PtSymbolBlock ops;
    private final boolean training;

    /** Compiles the operations; they are closed with {@code manager} or by {@link #close}. */
    public Torch(NDManager manager) throws IOException {
        this(manager, false);
    }

    /** @param training whether gradients pass through the operations */
    public Torch(NDManager manager, boolean training) throws IOException {
        ops = JniUtils.loadModule((PtNDManager) manager, new ByteArrayInputStream(archive()), false, false);
        this.training = training;
    }

    /**
     * Fused attention {@code softmax(q k^T / sqrt(d)) v}; no map is built.
     *
     * @param q {@code (batch, queries, heads, d)}
     * @param k {@code (batch, keys, heads, d)}
     * @param v {@code (batch, keys, heads, d)}
     * @return {@code (batch, queries, heads * d)}
     */
    public NDArray attention(NDArray q, NDArray k, NDArray v) {
        return run("attention", q, k, v, false);
    }

    /** {@link #attention} in which a query sees only keys at or before its own position. */
    public NDArray causalAttention(NDArray q, NDArray k, NDArray v) {
        return run("attention", q, k, v, true);
    }

    /** The map itself, {@code softmax(q k^T / sqrt(d))}: {@code (batch, heads, queries, keys)}; shapes as in {@link #attention}. */
    public NDArray attentionMap(NDArray q, NDArray k) {
        return run("attention_map", q, k);
    }

    /** {@code map (batch, heads, queries, keys)} applied to {@code v (batch, keys, heads, d)}: {@code (batch, queries, heads * d)}. */
    public NDArray applyMap(NDArray map, NDArray v) {
        return run("apply_map", map, v);
    }

    /** {@code x weight^T + bias} over the last axis; {@code bias} may be null. */
    public NDArray linear(NDArray x, NDArray weight, NDArray bias) {
        return bias == null ? run("project", x, weight) : run("linear", x, weight, bias);
    }

    /** Square 2-D convolution of {@code x (n, c, h, w)}. */
    public NDArray conv2d(NDArray x, NDArray weight, NDArray bias, int stride, int padding) {
        return run("conv2d", x, weight, bias, stride, padding);
    }

    /**
     * Convolution over three frames at each position, zeros before the first and after the last.
     *
     * @param x {@code (branches * frames, c, h, w)}
     * @param weight {@code (out, c, 3, 1)}
     * @param bias may be null
     */
    public NDArray temporalConv(NDArray x, int frames, NDArray weight, NDArray bias) {
        return bias == null ? run("temporal_project", x, frames, weight) : run("temporal_conv", x, frames, weight, bias);
    }

    /** {@code x (n, c, h, w)} with one row and one column of zeros at its end. */
    public NDArray padEnd(NDArray x) {
        return run("pad_end", x);
    }

    /** Group norm over {@code (c / groups, ...)} of {@code x (n, c, ...)}. */
    public NDArray groupNorm(NDArray x, int groups, NDArray weight, NDArray bias, double eps) {
        return run("group_norm", x, groups, weight, bias, eps);
    }

    /** {@link #groupNorm} followed by SiLU. */
    public NDArray groupNormSilu(NDArray x, int groups, NDArray weight, NDArray bias, double eps) {
        return run("group_norm_silu", x, groups, weight, bias, eps);
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

    public NDArray silu(NDArray x) {
        return run("silu", x);
    }

    /** Exact GELU. */
    public NDArray gelu(NDArray x) {
        return run("gelu", x);
    }

    /** {@code x sigmoid(1.702 x)}: the activation of CLIP's text encoder. */
    public NDArray quickGelu(NDArray x) {
        return run("quick_gelu", x);
    }

    /** First half of the last axis times the GELU of the second. */
    public NDArray geglu(NDArray x) {
        return run("geglu", x);
    }

    /** Nearest-neighbour resize of {@code x (n, c, h, w)}. */
    public NDArray nearest(NDArray x, int height, int width) {
        return run("upsample_nearest", x, height, width);
    }

    /** Antialiased bicubic resize of floating {@code x (n, c, h, w)}. */
    public NDArray resize(NDArray x, int height, int width) {
        return run("resize", x, height, width);
    }

    /** Samples {@code (n, h, w, c)} of 0 to 2 / scale as floats {@code (n, c, h, w)} of -1 to 1. */
    public NDArray fromSamples(NDArray x, double scale) {
        return run("from_samples", x, scale);
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

    /** A copy of {@code x} in bfloat16, a type that DJL passes through but neither makes nor tells. */
    public NDArray toBfloat16(NDArray x) {
        return run("to_bfloat16", x);
    }

    /** A copy of {@code x} of the type and on the device of {@code like}. */
    public NDArray copyTo(NDArray x, NDArray like) {
        return run("copy_to", x, like);
    }

    /** {@code x (n, c, h, w)} laid out with its channels innermost. */
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

    public boolean allFinite(NDArray x) {
        try (NDArray all = run("all_finite", x)) {
            return all.getBoolean();
        }
    }

    /**
     * One step of AdamW (Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization), in place.
     *
     * @param weight changed, as are {@code mean} and {@code square}, the moments of the gradient, of the same shape
     * @param scale factor on the gradient
     * @param rate learning rate
     * @param decay weight decay
     * @param step of the moments, from 1
     */
    public void adamW(NDArray weight, NDArray gradient, NDArray mean, NDArray square, double scale, double rate, double decay, int step) {
        runMethod("adam_w", weight, gradient, mean, square, scale, 1 - rate * decay, rate / (1 - Math.pow(BETA1, step)),
                1 - Math.pow(BETA2, step), BETA1, BETA2).close();
    }

    /** Runs a method of the archive; arguments are arrays, int, double or boolean. */
    private NDArray run(String method, Object... arguments) {
        return training ? runWithGradients(method, arguments) : runMethod(method, arguments);
    }

    private NDArray runMethod(String method, Object... arguments) {
        IValue[] values = new IValue[arguments.length];
        try {
            for (int i = 0; i < arguments.length; i++) {
                values[i] = value(arguments[i]);
            }
            try (IValue result = IValueUtils.runMethod(ops, method, values)) {
                return result.toTensor((PtNDManager) ((NDArray) arguments[0]).getManager());
            }
        } finally {
            for (IValue value : values) {
                if (value != null) {
                    value.close();
                }
            }
        }
    }

    /** DJL keeps gradients only where all arguments are arrays, the last of which bears the method's name. */
    private NDArray runWithGradients(String method, Object... arguments) {
        try (NDManager passing = ((NDArray) arguments[0]).getManager().newSubManager(Device.cpu())) {
            NDList values = new NDList();
            for (Object argument : arguments) {
                values.add(argument instanceof NDArray array ? array : scalar(passing, argument));
            }
            NDArray name = passing.create(0);
            name.setName("module_method:" + WITH_ARRAYS + method);
            values.add(name);
            return IValueUtils.forward(ops, values, true).singletonOrThrow();
        }
    }

    private static NDArray scalar(NDManager manager, Object number) {
        return number instanceof Integer integer ? manager.create((long) integer)
                : number instanceof Double real ? manager.create((double) real) : manager.create((boolean) number);
    }

    private static IValue value(Object argument) {
        if (argument instanceof PtNDArray array) {
            return IValue.from(array);
        } else if (argument instanceof Integer number) {
            return IValue.from((long) number);
        } else if (argument instanceof Double number) {
            return IValue.from((double) number);
        } else if (argument instanceof Boolean flag) {
            return IValue.from((boolean) flag);
        }
        throw new IllegalArgumentException("No TorchScript value for " + argument);
    }

    @Override
    public void close() {
        ops.close();
    }

    /** Each method again, with arrays for its numbers. */
    private static String withArrays() {
        StringBuilder methods = new StringBuilder();
        for (Matcher method = METHOD.matcher(SOURCE); method.find();) {
            String parameters = method.group(2);
            methods.append("  def ").append(WITH_ARRAYS).append(method.group(1)).append("(self: __torch__.Ops, ")
                    .append(NUMBER.matcher(parameters).replaceAll("$1: Tensor")).append(") -> Tensor:\n    return (self).")
                    .append(method.group(1)).append('(')
                    .append(NUMBER.matcher(parameters).replaceAll("$2($1)").replaceAll(": (Optional\\[Tensor\\]|Tensor)", "")).append(")\n");
        }
        return methods.toString();
    }

    /** A TorchScript archive: a stored zip of the source and a pickled object of the class with its one attribute. */
    private static byte[] archive() throws IOException {
        // PROTO 2, GLOBAL '__torch__ Ops', (), NEWOBJ, {'training': False}, BUILD, STOP
        byte[] object = "\u0080\u0002c__torch__\nOps\n)\u0081}X\b\0\0\0training\u0089sb."
                .getBytes(StandardCharsets.ISO_8859_1);
        byte[] noConstants = "\u0080\u0002).".getBytes(StandardCharsets.ISO_8859_1);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            store(zip, "ops/data.pkl", object);
            store(zip, "ops/code/__torch__.py", (SOURCE + withArrays()).getBytes(StandardCharsets.US_ASCII));
            store(zip, "ops/constants.pkl", noConstants);
            store(zip, "ops/version", "10\n".getBytes(StandardCharsets.US_ASCII));
        }
        return bytes.toByteArray();
    }

    private static void store(ZipOutputStream zip, String name, byte[] content) throws IOException {
        ZipEntry entry = new ZipEntry(name);
        CRC32 crc = new CRC32();
        crc.update(content);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(content.length);
        entry.setCrc(crc.getValue());
        zip.putNextEntry(entry);
        zip.write(content);
        zip.closeEntry();
    }
}
