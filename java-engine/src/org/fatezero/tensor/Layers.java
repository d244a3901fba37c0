package org.fatezero.tensor;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;

import org.fatezero.device.Hardware;
import org.fatezero.device.Libtorch;

import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Linear layers and convolutions, and how their weights lie. oneDNN multiplies by weights in blocks of its own. From plain weights it
 * builds these anew at every call, which with one frame takes as long as the convolutions of the lowest levels; here they are packed
 * once. Packed weights are opaque: nothing but these layers can read them.
 */
public final class Layers {

    /** For a libtorch that lacks oneDNN, and so the operations that the other source names. */
    private static final String WITHOUT_ONEDNN = """
              def linear(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
                return torch.linear(x, weight, bias)
              def linear_gelu_gated(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor,
                      gate_weight: Tensor, gate_bias: Tensor) -> Tensor:
                return torch.mul_(torch.gelu(torch.linear(x, gate_weight, gate_bias)), torch.linear(x, weight, bias))
              def conv2d(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
                return torch.conv2d(x, weight, bias, [stride, stride], [padding, padding], [1, 1], 1)
            """;

    /**
     * The blocks that oneDNN chooses depend on the input's size, if little. It is told one that stands for what networks see: 1024 rows, or
     * 16 maps of 8x8. Where it would choose others for a convolution it packs anew at that call, with the same result.
     */
    private static final String WITH_ONEDNN = """
              def linear(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
                if ops.prim.is_mkldnn(weight):
                  y = ops.mkldnn._linear_pointwise(x, weight, bias, "none", annotate(List[Optional[number]], []), "")
                else:
                  y = torch.linear(x, weight, bias)
                return y
              def linear_gelu_gated(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor,
                      gate_weight: Tensor, gate_bias: Tensor) -> Tensor:
                if ops.prim.is_mkldnn(weight):
                  gate = ops.mkldnn._linear_pointwise(x, gate_weight, gate_bias, "gelu", annotate(List[Optional[number]], []), "none")
                  y = ops.mkldnn._linear_pointwise(x, gate, weight, bias, "mul")
                else:
                  y = torch.mul_(torch.gelu(torch.linear(x, gate_weight, gate_bias)), torch.linear(x, weight, bias))
                return y
              def conv2d(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
                if ops.prim.is_mkldnn(weight):
                  y = ops.mkldnn._convolution_pointwise(x, weight, bias, [padding, padding], [stride, stride], [1, 1], 1,
                          "none", annotate(List[Optional[number]], []), "")
                else:
                  y = torch.conv2d(x, weight, bias, [stride, stride], [padding, padding], [1, 1], 1)
                return y
              def pack_linear(self: __torch__.Ops, weight: Tensor) -> Tensor:
                return ops.mkldnn._reorder_linear_weight(weight, 1024)
              def pack_conv2d(self: __torch__.Ops, weight: Tensor, stride: int, padding: int) -> Tensor:
                side = ops.prim.max(torch.size(weight, 2), 8)
                return torch.mkldnn_reorder_conv2d_weight(torch.to_mkldnn(weight), [padding, padding], [stride, stride], [1, 1], 1,
                        [16, torch.size(weight, 1), side, side])
            """;

    /**
     * A 3x3 convolution of a map that was doubled by repeating its cells: each pixel sees no more than 2x2 different cells, whose weights
     * are sums of the 3x3. There are four such sets of weights, one for each phase that a pixel may have; all are channels of one
     * convolution of the small map. That is down to 4/9 of the arithmetic, but 16/9 of the weights, which is what small maps wait for.
     */
    private static final String UPSAMPLED = """
              def phases(self: __torch__.Ops, weight: Tensor) -> Tensor:
                rows = (self).pairs(torch.to(weight, 6), 2)
                sums = torch.stack([(self).pairs(rows[0], 3)[0], (self).pairs(rows[0], 3)[1],
                        (self).pairs(rows[1], 3)[0], (self).pairs(rows[1], 3)[1]], 0)
                return torch.to(torch.flatten(sums, 0, 1), ops.prim.dtype(weight))
              def pairs(self: __torch__.Ops, weight: Tensor, axis: int) -> List[Tensor]:
                first = torch.narrow(weight, axis, 0, 1)
                second = torch.narrow(weight, axis, 1, 1)
                third = torch.narrow(weight, axis, 2, 1)
                return [torch.cat([first, torch.add(second, third)], axis), torch.cat([torch.add(first, second), third], axis)]
              def four_times(self: __torch__.Ops, bias: Tensor) -> Tensor:
                return torch.repeat(bias, [4])
              def upsampled(self: __torch__.Ops, x: Tensor, height: int, width: int, weight: Tensor, bias: Tensor,
                      phases: Tensor, phase_bias: Tensor) -> Tensor:
                h = torch.size(x, 2)
                w = torch.size(x, 3)
                doubled = torch.__and__(torch.eq(height, torch.mul(h, 2)), torch.eq(width, torch.mul(w, 2)))
                large = torch.ge(torch.mul(torch.mul(h, w), torch.size(x, 0)), 256)
                if torch.__and__(torch.__and__(doubled, large), torch.gt(torch.numel(phase_bias), 0)):
                  cells = torch.unflatten(torch.permute((self).conv2d(x, phases, phase_bias, 1, 1), [0, 2, 3, 1]), 3, [4, -1])
                  pixels = torch.new_empty(cells, [torch.size(x, 0), h, 2, w, 2, torch.size(bias, 0)])
                  for phase in range(4):
                    down = torch.floordiv(phase, 2)
                    right = torch.remainder(phase, 2)
                    seen = torch.narrow(torch.narrow(torch.select(cells, 3, phase), 1, down, h), 2, right, w)
                    _0 = torch.copy_(torch.select(torch.select(pixels, 4, right), 2, down), seen)
                  y = torch.permute(torch.flatten(torch.flatten(pixels, 3, 4), 1, 2), [0, 3, 1, 2])
                else:
                  y = (self).conv2d(torch.upsample_nearest2d(x, [height, width], None, None), weight, bias, 1, 1)
                return y
            """;

    private final Torch torch;
    private final Set<DataType> packed;

    /** @param packed the precisions whose weights are packed where they are a processor's */
    Layers(Torch torch, Set<DataType> packed) {
        this.torch = torch;
        this.packed = packed;
    }

    /** The precisions that this machine computes fastest in with packed weights. No gradient passes through such layers. */
    static Set<DataType> packedHere() {
        return Libtorch.hasOneDnn()
                ? Stream.of(DataType.FLOAT32, DataType.BFLOAT16).filter(Hardware::multipliesPacked).collect(Collectors.toSet()) : Set.of();
    }

    /** The methods {@code linear}, {@code linear_gelu_gated}, {@code conv2d} and {@code upsampled} of {@link TorchScript}. */
    static String source(Set<DataType> packed) {
        return (packed.isEmpty() ? WITHOUT_ONEDNN : WITH_ONEDNN) + UPSAMPLED;
    }

    private boolean packs(NDArray like) {
        DataType type = like.getDataType() == DataType.UNKNOWN ? DataType.BFLOAT16 : like.getDataType(); // which DJL does not name
        return packed.contains(type) && !like.getDevice().isGpu();
    }

    /**
     * The weight of a linear layer in the layout that is fastest for many rows; for a few calls the plain one will do as well.
     *
     * @param weight {@code (out, in)}; closed if another is returned
     */
    public NDArray ofLinear(NDArray weight) {
        if (!packs(weight)) {
            return weight;
        }
        try (weight) {
            return torch.run("pack_linear", weight);
        }
    }

    /**
     * The weight of a convolution likewise: packed, or with its channels innermost.
     *
     * @param weight {@code (out, in, k, k)}; closed
     */
    public NDArray ofConvolution(NDArray weight, int stride, int padding) {
        try (weight) {
            return packs(weight) ? torch.run("pack_conv2d", weight, stride, padding) : torch.channelsLast(weight);
        }
    }

    /**
     * The weight of a 3x3 convolution of a map of twice the size, for the map before.
     *
     * @param weight {@code (out, in, 3, 3)}; it stays open
     * @return {@code (4 * out, in, 2, 2)}, phase after phase, packed; {@link Torch#none} where weights are not packed
     */
    public NDArray ofPhases(NDArray weight) {
        return packs(weight) ? ofConvolution(torch.run("phases", weight), 1, 1) : torch.none();
    }

    /** The bias {@code (4 * out)} to {@link #ofPhases} of {@code bias (out)}; none where that is. */
    public NDArray biasOfPhases(NDArray bias) {
        return packs(bias) ? torch.run("four_times", bias) : torch.none();
    }
}
