package org.fatezero.tensor;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;

import org.fatezero.device.Hardware;
import org.fatezero.device.Libtorch;

import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Linear layers and convolutions, and how their weights lie. A processor is fastest with weights in the blocks that oneDNN chooses for
 * it. Of plain ones it makes such blocks at every call: with one frame that takes as long as the convolutions of the lowest levels.
 * Weights in blocks are opaque: nothing but these layers can read them.
 */
public final class Layers {

    private static final String PLAIN = """
              def linear(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
                return torch.linear(x, weight, bias)
              def linear_gelu_gated(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor, gate_weight: Tensor, gate_bias: Tensor) -> Tensor:
                return torch.mul_(torch.gelu(torch.linear(x, gate_weight, gate_bias)), torch.linear(x, weight, bias))
              def conv2d(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
                return torch.conv2d(x, weight, bias, [stride, stride], [padding, padding], [1, 1], 1)
            """;

    private static final String IN_BLOCKS = """
              def linear(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
                if ops.prim.is_mkldnn(weight):
                  y = ops.mkldnn._linear_pointwise(x, weight, bias, "none", annotate(List[Optional[number]], []), "")
                else:
                  y = torch.linear(x, weight, bias)
                return y
              def linear_gelu_gated(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor, gate_weight: Tensor, gate_bias: Tensor) -> Tensor:
                if ops.prim.is_mkldnn(weight):
                  gate = ops.mkldnn._linear_pointwise(x, gate_weight, gate_bias, "gelu", annotate(List[Optional[number]], []), "none")
                  y = ops.mkldnn._linear_pointwise(x, gate, weight, bias, "mul")
                else:
                  y = torch.mul_(torch.gelu(torch.linear(x, gate_weight, gate_bias)), torch.linear(x, weight, bias))
                return y
              def conv2d(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: int) -> Tensor:
                if ops.prim.is_mkldnn(weight):
                  y = ops.mkldnn._convolution_pointwise(x, weight, bias, [padding, padding], [stride, stride], [1, 1], 1, "none", annotate(List[Optional[number]], []), "")
                else:
                  y = torch.conv2d(x, weight, bias, [stride, stride], [padding, padding], [1, 1], 1)
                return y
              def linear_in_blocks(self: __torch__.Ops, weight: Tensor) -> Tensor:
                return ops.mkldnn._reorder_linear_weight(weight)
              def conv2d_in_blocks(self: __torch__.Ops, weight: Tensor, stride: int, padding: int) -> Tensor:
                return torch.mkldnn_reorder_conv2d_weight(torch.to_mkldnn(weight), [padding, padding], [stride, stride], [1, 1])
            """;

    /**
     * A 3x3 convolution of a map doubled by repeating cells needs each cell's weights once: a pixel of each of the four phases sees 2x2
     * cells, whose weights are sums of the 3x3. Less than half of the arithmetic, and all phases as channels of one convolution.
     */
    private static final String UPSAMPLED = """
              def phases(self: __torch__.Ops, weight: Tensor) -> Tensor:
                rows = (self).pairs(weight, 2)
                return torch.flatten(torch.stack([(self).pairs(rows[0], 3)[0], (self).pairs(rows[0], 3)[1], (self).pairs(rows[1], 3)[0], (self).pairs(rows[1], 3)[1]], 0), 0, 1)
              def pairs(self: __torch__.Ops, weight: Tensor, axis: int) -> List[Tensor]:
                first = torch.narrow(weight, axis, 0, 1)
                second = torch.narrow(weight, axis, 1, 1)
                third = torch.narrow(weight, axis, 2, 1)
                return [torch.cat([first, torch.add(second, third)], axis), torch.cat([torch.add(first, second), third], axis)]
              def four_times(self: __torch__.Ops, bias: Tensor) -> Tensor:
                return torch.repeat(bias, [4])
              def upsampled(self: __torch__.Ops, x: Tensor, height: int, width: int, weight: Tensor, bias: Tensor, phases: Tensor, phase_bias: Tensor) -> Tensor:
                h = torch.size(x, 2)
                w = torch.size(x, 3)
                doubled = torch.__and__(torch.eq(height, torch.mul(h, 2)), torch.eq(width, torch.mul(w, 2)))
                if torch.__and__(doubled, torch.gt(torch.numel(phase_bias), 0)):
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
    private final Set<DataType> inBlocks;

    /** @param inBlocks the precisions whose weights lie in blocks where they are a processor's */
    Layers(Torch torch, Set<DataType> inBlocks) {
        this.torch = torch;
        this.inBlocks = inBlocks;
    }

    /** The precisions that this machine computes fastest in with weights in blocks. No gradient passes through such layers. */
    static Set<DataType> inBlocks() {
        return Libtorch.hasOneDnn()
                ? Stream.of(DataType.FLOAT32, DataType.BFLOAT16).filter(Hardware::multipliesInBlocks).collect(Collectors.toSet()) : Set.of();
    }

    /** The methods {@code linear}, {@code linear_gelu_gated}, {@code conv2d} and {@code upsampled} of {@link TorchScript}. */
    static String source(Set<DataType> inBlocks) {
        return (inBlocks.isEmpty() ? PLAIN : IN_BLOCKS) + UPSAMPLED;
    }

    private boolean inBlocks(NDArray weight) {
        DataType type = weight.getDataType() == DataType.UNKNOWN ? DataType.BFLOAT16 : weight.getDataType(); // which DJL does not name
        return inBlocks.contains(type) && !weight.getDevice().isGpu();
    }

    /**
     * The weight of a linear layer as this machine multiplies many rows by it fastest. For few calls a plain one will do as well.
     *
     * @param weight {@code (out, in)}; closed if another is returned
     */
    public NDArray ofLinear(NDArray weight) {
        if (!inBlocks(weight)) {
            return weight;
        }
        try (weight) {
            return torch.run("linear_in_blocks", weight);
        }
    }

    /**
     * Likewise the weight of a convolution: in blocks, or with its channels innermost.
     *
     * @param weight {@code (out, in, k, k)}; closed
     */
    public NDArray ofConvolution(NDArray weight, int stride, int padding) {
        try (weight) {
            return inBlocks(weight) ? torch.run("conv2d_in_blocks", weight, stride, padding) : torch.channelsLast(weight);
        }
    }

    /**
     * The weight of a 3x3 convolution of a map of twice the size, for the map before.
     *
     * @param weight {@code (out, in, 3, 3)}
     * @return {@code (4 * out, in, 2, 2)}, phase after phase, laid out; {@link Torch#none} where that is not faster
     */
    public NDArray ofPhases(NDArray weight) {
        return inBlocks(weight) ? ofConvolution(torch.run("phases", weight), 1, 1) : torch.none();
    }

    /** The bias {@code (4 * out)} to {@link #ofPhases}; none where that is. */
    public NDArray biasOfPhases(NDArray phases, NDArray bias) {
        return phases == torch.none() ? phases : torch.run("four_times", bias);
    }
}
