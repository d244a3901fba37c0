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

    /** TorchScript's serialised dialect: namespaced calls with every argument given. */
    private static final String SOURCE = """
            op_version_set = 1
            class Ops(Module):
              __parameters__ = []
              __buffers__ = []
              training : bool
              def attention(self: __torch__.Ops, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
                o = q
                type = ops.prim.dtype(v)
                if torch.__and__(torch.eq(type, 15), torch.__not__(ops.prim.is_cuda(v))):
                  o = torch.to((self).heads_attention(torch.to(q, 6), torch.to(k, 6), torch.to(v, 6), causal), 15)
                else:
                  o = (self).heads_attention(torch.to(q, type), torch.to(k, type), v, causal)
                return torch.flatten(torch.transpose(o, 1, 2), 2, 3)
              def heads_attention(self: __torch__.Ops, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
                return torch.scaled_dot_product_attention(torch.transpose(q, 1, 2), torch.transpose(k, 1, 2), torch.transpose(v, 1, 2),
                        None, 0., causal)
              def attention_map(self: __torch__.Ops, q: Tensor, k: Tensor) -> Tensor:
                scale = torch.pow(torch.size(q, 3), -0.5)
                s = torch.matmul(torch.mul(torch.transpose(q, 1, 2), scale), torch.permute(k, [0, 2, 3, 1]))
                return torch.softmax(s, -1)
              def apply_map(self: __torch__.Ops, map: Tensor, v: Tensor) -> Tensor:
                return torch.flatten(torch.transpose(torch.matmul(torch.to(map, ops.prim.dtype(v)), torch.transpose(v, 1, 2)), 1, 2), 2, 3)
              def fused_cross_attention(self: __torch__.Ops, q: Tensor, k: Tensor, v: Tensor, map: Tensor,
                      matrix: Tensor, own: Tensor) -> Tensor:
                of_source = (self).apply_map(map, (self).moved(v, matrix))
                return torch.add_((self).attention(q, k, (self).scaled(v, own), False), of_source)
              def fused_cross_attention_of(self: __torch__.Ops, q: Tensor, k: Tensor, v: Tensor,
                      source_q: Tensor, source_k: Tensor, matrix: Tensor, own: Tensor) -> Tensor:
                of_source = (self).attention(source_q, source_k, (self).moved(v, matrix), False)
                return torch.add_((self).attention(q, k, (self).scaled(v, own), False), of_source)
              def moved(self: __torch__.Ops, v: Tensor, matrix: Tensor) -> Tensor:
                return torch.reshape(torch.matmul(matrix, torch.flatten(v, 2, 3)), torch.size(v))
              def scaled(self: __torch__.Ops, v: Tensor, own: Tensor) -> Tensor:
                return torch.mul(v, torch.unsqueeze(torch.unsqueeze(own, -1), -1))
              def split_last(self: __torch__.Ops, q: Tensor, k: Tensor, v: Tensor) -> List[Tensor]:
                n = torch.sub(torch.size(q, 0), 1)
                return [torch.narrow(q, 0, 0, n), torch.narrow(k, 0, 0, n), torch.narrow(v, 0, 0, n),
                        torch.narrow(q, 0, n, 1), torch.narrow(k, 0, n, 1), torch.narrow(v, 0, n, 1)]
              def guided(self: __torch__.Ops, x: Tensor, scale: float) -> Tensor:
                n = torch.floordiv(torch.size(x, 0), 2)
                u = torch.narrow(x, 0, 0, n)
                return torch.add(u, torch.mul(torch.sub(torch.narrow(x, 0, n, n), u), scale))
              def project(self: __torch__.Ops, x: Tensor, weight: Tensor) -> Tensor:
                return (self).linear(x, weight, None)
              def over_frames(self: __torch__.Ops, x: Tensor, frames: int, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
                positions = torch.permute(x, [0, 2, 3, 1])
                clip = torch.flatten(torch.unflatten(positions, 0, [-1, frames]), 2, 3)
                y = torch.conv2d(torch.permute(clip, [0, 3, 1, 2]), weight, bias, [1, 1], [1, 0], [1, 1], 1)
                rows = torch.reshape(torch.permute(y, [0, 2, 3, 1]), [torch.size(x, 0), torch.size(x, 2), torch.size(x, 3), -1])
                return torch.permute(rows, [0, 3, 1, 2])
              def conv(self: __torch__.Ops, x: Tensor, frames: int, weight: Tensor, bias: Tensor, stride: int,
                      temporal1: Tensor, temporal2: Tensor) -> Tensor:
                return (self).over_time((self).conv2d(x, weight, bias, stride, 1), frames, temporal1, temporal2)
              def over_time(self: __torch__.Ops, y: Tensor, frames: int, temporal1: Tensor, temporal2: Tensor) -> Tensor:
                z = y
                if torch.eq(torch.dim(temporal2), 4):
                  low = (self).over_frames(y, frames, temporal1, None)
                  z = torch.add((self).over_frames(low, frames, temporal2, None), y)
                elif torch.gt(torch.numel(temporal1), 0):
                  z = (self).over_frames(y, frames, temporal1, temporal2)
                else:
                  z = y
                return z
              def norm_conv(self: __torch__.Ops, x: Tensor, time: Tensor, frames: int, shared: int, groups: int, eps: float,
                      norm_weight: Tensor, norm_bias: Tensor, weight: Tensor, bias: Tensor, temporal1: Tensor, temporal2: Tensor,
                      time_weight: Tensor, time_bias: Tensor) -> Tensor:
                y = (self).conv((self).group_norm_silu(x, shared, groups, norm_weight, norm_bias, eps), frames,
                        weight, bias, 1, temporal1, temporal2)
                z = y
                if torch.gt(torch.numel(time_weight), 0):
                  shift = torch.linear(time, time_weight, time_bias)
                  z = torch.add_(y, torch.unsqueeze(torch.unsqueeze(shift, -1), -1))
                return z
              def shortcut(self: __torch__.Ops, h: Tensor, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
                y = x
                if torch.gt(torch.numel(weight), 0):
                  y = (self).conv2d(x, weight, bias, 1, 0)
                return torch.add_(h, y)
              def resnet(self: __torch__.Ops, x: Tensor, time: Tensor, frames: int, shared: int,
                      groups1: int, eps1: float, norm_weight1: Tensor, norm_bias1: Tensor, weight1: Tensor, bias1: Tensor,
                      temporal11: Tensor, temporal12: Tensor, time_weight1: Tensor, time_bias1: Tensor,
                      groups2: int, eps2: float, norm_weight2: Tensor, norm_bias2: Tensor, weight2: Tensor, bias2: Tensor,
                      temporal21: Tensor, temporal22: Tensor, time_weight2: Tensor, time_bias2: Tensor,
                      weight: Tensor, bias: Tensor) -> Tensor:
                h = (self).norm_conv(x, time, frames, shared, groups1, eps1, norm_weight1, norm_bias1, weight1, bias1,
                        temporal11, temporal12, time_weight1, time_bias1)
                y = (self).norm_conv(h, time, frames, shared, groups2, eps2, norm_weight2, norm_bias2, weight2, bias2,
                        temporal21, temporal22, time_weight2, time_bias2)
                return (self).shortcut(y, x, weight, bias)
              def join(self: __torch__.Ops, x: Tensor, skip: Tensor) -> Tensor:
                first = torch.sub(torch.size(skip, 0), torch.size(x, 0))
                return torch.cat([x, torch.slice(skip, 0, first, None, 1)], 1)
              def spread(self: __torch__.Ops, x: Tensor, frames: int, branches: int) -> Tensor:
                n = torch.size(x, 0)
                parts = [x]
                for i in range(torch.sub(branches, torch.floordiv(n, frames))):
                  _0 = torch.append(parts, torch.narrow(x, 0, torch.sub(n, frames), frames))
                return torch.cat(parts, 0)
              def upsample_conv(self: __torch__.Ops, x: Tensor, first: int, height: int, width: int, frames: int,
                      weight: Tensor, bias: Tensor, phases: Tensor, phase_bias: Tensor, temporal1: Tensor, temporal2: Tensor) -> Tensor:
                y = (self).upsampled(torch.slice(x, 0, first, None, 1), height, width, weight, bias, phases, phase_bias)
                return (self).over_time(y, frames, temporal1, temporal2)
              def time_embedding(self: __torch__.Ops, x: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor) -> Tensor:
                sinusoid = torch.to(x, weight1, False, False, None)
                return torch.silu(torch.linear(torch.silu(torch.linear(sinusoid, weight1, bias1)), weight2, bias2))
              def tokens(self: __torch__.Ops, x: Tensor, groups: int, eps: float, norm_weight: Tensor, norm_bias: Tensor,
                      weight: Tensor, bias: Tensor) -> Tensor:
                y = (self).conv2d((self).group_norm(x, groups, norm_weight, norm_bias, eps), weight, bias, 1, 0)
                return torch.transpose(torch.flatten(y, 2, 3), 1, 2)
              def maps(self: __torch__.Ops, tokens: Tensor, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
                y = torch.reshape(torch.transpose(tokens, 1, 2), torch.size(x))
                return torch.add_((self).conv2d(y, weight, bias, 1, 0), x)
              def heads(self: __torch__.Ops, x: Tensor, branches: int, heads: int) -> Tensor:
                return torch.unflatten(torch.reshape(x, [branches, -1, torch.size(x, 2)]), 2, [heads, -1])
              def queries(self: __torch__.Ops, x: Tensor, frames: int, heads: int, norm_weight: Tensor, norm_bias: Tensor, eps: float,
                      query: Tensor) -> Tensor:
                branches = torch.floordiv(torch.size(x, 0), frames)
                return (self).heads((self).project((self).layer_norm(x, norm_weight, norm_bias, eps), query), branches, heads)
              def keys_values(self: __torch__.Ops, x: Tensor, heads: int, key: Tensor, value: Tensor) -> List[Tensor]:
                n = torch.size(x, 0)
                return [(self).heads((self).project(x, key), n, heads), (self).heads((self).project(x, value), n, heads)]
              def queries_keys_values(self: __torch__.Ops, x: Tensor, frames: int, of: List[int], heads: int,
                      norm_weight: Tensor, norm_bias: Tensor, eps: float, query: Tensor, key: Tensor, value: Tensor) -> List[Tensor]:
                branches = torch.floordiv(torch.size(x, 0), frames)
                y = (self).layer_norm(x, norm_weight, norm_bias, eps)
                seen = y
                if torch.lt(torch.len(of), frames):
                  seen = torch.flatten((self).rows_of(torch.unflatten(y, 0, [branches, frames]), of), 0, 1)
                q = (self).heads((self).project(y, query), branches, heads)
                return [q, (self).heads((self).project(seen, key), branches, heads),
                        (self).heads((self).project(seen, value), branches, heads)]
              def rows_of(self: __torch__.Ops, x: Tensor, rows: List[int]) -> Tensor:
                parts = annotate(List[Tensor], [])
                for i in range(torch.len(rows)):
                  _0 = torch.append(parts, torch.narrow(x, 1, rows[i], 1))
                return torch.cat(parts, 1)
              def frame_attention(self: __torch__.Ops, q: Tensor, k: Tensor, v: Tensor, frames: int, of: int, lists: List[int]) -> Tensor:
                queries = torch.flatten(torch.unflatten(q, 1, [frames, -1]), 0, 1)
                keys = (self).listed(k, frames, of, lists)
                values = (self).listed(v, frames, of, lists)
                o = (self).attention(queries, keys, values, False)
                return torch.reshape(o, [torch.size(q, 0), torch.size(q, 1), -1])
              def listed(self: __torch__.Ops, x: Tensor, frames: int, of: int, lists: List[int]) -> Tensor:
                y = torch.unflatten(x, 1, [of, -1])
                if torch.gt(torch.len(lists), 0):
                  y = (self).rows_of(y, lists)
                return torch.flatten(torch.flatten(torch.unflatten(y, 1, [frames, -1]), 2, 3), 0, 1)
              def project_onto(self: __torch__.Ops, y: Tensor, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
                return torch.add_(torch.reshape((self).linear(y, weight, bias), torch.size(x)), x)
              def temporal_attention(self: __torch__.Ops, x: Tensor, frames: int, heads: int,
                      norm_weight: Tensor, norm_bias: Tensor, eps: float, query: Tensor, key: Tensor, value: Tensor,
                      out_weight: Tensor, out_bias: Tensor) -> Tensor:
                y = (self).layer_norm(x, norm_weight, norm_bias, eps)
                q = (self).course((self).project(y, query), frames, heads)
                k = (self).course((self).project(y, key), frames, heads)
                v = (self).course((self).project(y, value), frames, heads)
                o = torch.unflatten((self).attention(q, k, v, False), 0, [-1, torch.size(x, 1)])
                return (self).project_onto(torch.reshape(torch.transpose(o, 1, 2), torch.size(x)), x, out_weight, out_bias)
              def course(self: __torch__.Ops, x: Tensor, frames: int, heads: int) -> Tensor:
                clip = torch.transpose(torch.unflatten(x, 0, [-1, frames]), 1, 2)
                return torch.unflatten(torch.flatten(clip, 0, 1), 2, [heads, -1])
              def feed_forward(self: __torch__.Ops, x: Tensor, rows: int, norm_weight: Tensor, norm_bias: Tensor, eps: float,
                      hidden_weight: Tensor, hidden_bias: Tensor, gate_weight: Tensor, gate_bias: Tensor,
                      out_weight: Tensor, out_bias: Tensor) -> Tensor:
                positions = torch.flatten(x, 0, 1)
                n = torch.size(positions, 0)
                for i in range(torch.floordiv(torch.sub(torch.add(n, rows), 1), rows)):
                  first = torch.mul(i, rows)
                  some = torch.narrow(positions, 0, first, ops.prim.min(rows, torch.sub(n, first)))
                  _0 = torch.add_(some, (self).gated(some, norm_weight, norm_bias, eps,
                          hidden_weight, hidden_bias, gate_weight, gate_bias, out_weight, out_bias))
                return x
              def gated(self: __torch__.Ops, x: Tensor, norm_weight: Tensor, norm_bias: Tensor, eps: float,
                      hidden_weight: Tensor, hidden_bias: Tensor, gate_weight: Tensor, gate_bias: Tensor,
                      out_weight: Tensor, out_bias: Tensor) -> Tensor:
                y = (self).layer_norm(x, norm_weight, norm_bias, eps)
                return (self).linear((self).linear_gelu_gated(y, hidden_weight, hidden_bias, gate_weight, gate_bias), out_weight, out_bias)
              def pad_end(self: __torch__.Ops, x: Tensor) -> Tensor:
                return torch.constant_pad_nd(x, [0, 1, 0, 1], 0)
              def group_norm(self: __torch__.Ops, x: Tensor, groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
                y = x
                if (self).is_slow_unless_planar(x, groups):
                  y = torch.contiguous(x, memory_format=0)
                return torch.group_norm(y, groups, weight, bias, eps)
              def is_slow_unless_planar(self: __torch__.Ops, x: Tensor, groups: int) -> bool:
                slow = False
                if torch.eq(torch.dim(x), 4):
                  few = torch.lt(torch.floordiv(torch.size(x, 1), groups), 16)
                  small = torch.lt(torch.mul(torch.size(x, 2), torch.size(x, 3)), 1024)
                  slow = torch.__and__(small, torch.__or__(few, torch.eq(ops.prim.dtype(x), 15)))
                return slow
              def group_norm_silu(self: __torch__.Ops, x: Tensor, frames: int, groups: int,
                      weight: Tensor, bias: Tensor, eps: float) -> Tensor:
                y = x
                if torch.eq(frames, 1):
                  y = (self).group_norm(x, groups, weight, bias, eps)
                else:
                  clip = torch.reshape(x, [-1, frames, torch.size(x, 1), torch.mul(torch.size(x, 2), torch.size(x, 3))])
                  normed = torch.group_norm(torch.transpose(clip, 1, 2), groups, weight, bias, eps)
                  y = torch.reshape(torch.transpose(normed, 1, 2), torch.size(x))
                return torch.silu_(y)
              def layer_norm(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
                return torch.layer_norm(x, [torch.size(weight, 0)], weight, bias, eps)
              def add_(self: __torch__.Ops, x: Tensor, y: Tensor) -> Tensor:
                return torch.add_(x, y)
              def gelu(self: __torch__.Ops, x: Tensor) -> Tensor:
                return torch.gelu(x)
              def quick_gelu(self: __torch__.Ops, x: Tensor) -> Tensor:
                return torch.mul(x, torch.sigmoid(torch.mul(x, 1.702)))
              def upsample_nearest(self: __torch__.Ops, x: Tensor, height: int, width: int) -> Tensor:
                return torch.upsample_nearest2d(x, [height, width], None, None)
              def area(self: __torch__.Ops, x: Tensor, height: int, width: int) -> Tensor:
                return torch.adaptive_avg_pool2d(x, [height, width])
              def resize(self: __torch__.Ops, x: Tensor, height: int, width: int) -> Tensor:
                return torch._upsample_bicubic2d_aa(x, [height, width], False, None, None)
              def resize_bilinear(self: __torch__.Ops, x: Tensor, height: int, width: int) -> Tensor:
                return torch._upsample_bilinear2d_aa(x, [height, width], False, None, None)
              def from_samples(self: __torch__.Ops, bytes: Tensor, height: int, width: int, stride: int, size: int) -> Tensor:
                rows = torch.as_strided(bytes, [size, 3, height, width], [1, size, stride, torch.mul(size, 3)], None)
                x = torch.to(rows, 6, False, True, None)
                if torch.eq(size, 2):
                  y = torch.mul_(torch.add_(torch.narrow(x, 0, 0, 1), torch.narrow(x, 0, 1, 1), alpha=256), 2 / 65535)
                else:
                  y = torch.mul_(x, 2 / 255)
                return torch.sub_(y, 1)
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
              def to_half(self: __torch__.Ops, x: Tensor) -> Tensor:
                return torch.to(torch.clamp(x, -65504., 65504.), 5, False, True, None)
              def channels_last(self: __torch__.Ops, x: Tensor) -> Tensor:
                return torch.contiguous(x, memory_format=2)
              def remap(self: __torch__.Ops, source: Tensor, matrix: Tensor, edit: Tensor, own: Tensor) -> Tensor:
                return torch.addcmul(torch.matmul(torch.to(source, ops.prim.dtype(edit)), matrix), edit, own)
              def lerp(self: __torch__.Ops, a: Tensor, b: Tensor, weight: Tensor) -> Tensor:
                return torch.lerp(a, b, weight)
              def all_finite(self: __torch__.Ops, x: Tensor) -> Tensor:
                return torch.all(torch.isfinite(x))
            """;

    private TorchScript() {
    }

    /**
     * The archive: an uncompressed zip of the source and a pickled object of the class with its one attribute.
     *
     * @param layers the methods of {@link Layers}
     */
    static byte[] archive(String layers) throws IOException {
        // PROTO 2, GLOBAL '__torch__ Ops', (), NEWOBJ, {'training': False}, BUILD, STOP
        byte[] object = "\u0080\u0002c__torch__\nOps\n)\u0081}X\b\0\0\0training\u0089sb."
                .getBytes(StandardCharsets.ISO_8859_1);
        byte[] noConstants = "\u0080\u0002).".getBytes(StandardCharsets.ISO_8859_1);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            store(zip, "ops/data.pkl", object);
            String source = SOURCE + layers + Pictures.SOURCE + Operation.TRAINING + Optimization.SOURCE;
            store(zip, "ops/code/__torch__.py", source.getBytes(StandardCharsets.US_ASCII));
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
