package org.fatezero.tensor;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * The operations of {@link Torch} as TorchScript: their source, and the archive that libtorch loads. An
 * archive is a zip that holds the source of its methods, so it can be written here, without Python.
 */
final class TorchScript {

    /** Prefix of the methods that take arrays in place of numbers: DJL passes gradients through no others. */
    static final String WITH_ARRAYS = "with_arrays_";

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
              def resize_bilinear(self: __torch__.Ops, x: Tensor, height: int, width: int) -> Tensor:
                return torch._upsample_bilinear2d_aa(x, [height, width], False, None, None)
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

    /** Those operations of a training step that take numbers, with arrays in their place. */
    private static final String TRAINING = """
              def with_arrays_attention(self: __torch__.Ops, q: Tensor, k: Tensor, v: Tensor, causal: Tensor) -> Tensor:
                return (self).attention(q, k, v, bool(causal))
              def with_arrays_conv2d(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor, stride: Tensor, padding: Tensor) -> Tensor:
                return (self).conv2d(x, weight, bias, int(stride), int(padding))
              def with_arrays_temporal_conv(self: __torch__.Ops, x: Tensor, frames: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
                return (self).temporal_conv(x, int(frames), weight, bias)
              def with_arrays_temporal_project(self: __torch__.Ops, x: Tensor, frames: Tensor, weight: Tensor) -> Tensor:
                return (self).temporal_project(x, int(frames), weight)
              def with_arrays_group_norm(self: __torch__.Ops, x: Tensor, groups: Tensor, weight: Tensor, bias: Tensor, eps: Tensor) -> Tensor:
                return (self).group_norm(x, int(groups), weight, bias, float(eps))
              def with_arrays_group_norm_silu(self: __torch__.Ops, x: Tensor, groups: Tensor, weight: Tensor, bias: Tensor, eps: Tensor) -> Tensor:
                return (self).group_norm_silu(x, int(groups), weight, bias, float(eps))
              def with_arrays_layer_norm(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor, eps: Tensor) -> Tensor:
                return (self).layer_norm(x, weight, bias, float(eps))
              def with_arrays_upsample_nearest(self: __torch__.Ops, x: Tensor, height: Tensor, width: Tensor) -> Tensor:
                return (self).upsample_nearest(x, int(height), int(width))
            """;

    private TorchScript() {
    }

    /** The archive: an uncompressed zip of the source and a pickled object of the class with its one attribute. */
    static byte[] archive() throws IOException {
        // PROTO 2, GLOBAL '__torch__ Ops', (), NEWOBJ, {'training': False}, BUILD, STOP
        byte[] object = "\u0080\u0002c__torch__\nOps\n)\u0081}X\b\0\0\0training\u0089sb."
                .getBytes(StandardCharsets.ISO_8859_1);
        byte[] noConstants = "\u0080\u0002).".getBytes(StandardCharsets.ISO_8859_1);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            store(zip, "ops/data.pkl", object);
            store(zip, "ops/code/__torch__.py", (SOURCE + TRAINING).getBytes(StandardCharsets.US_ASCII));
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
