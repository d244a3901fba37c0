package org.fatezero.tensor;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;

import org.fatezero.device.Libtorch;

import java.util.Arrays;
import java.util.stream.Stream;

/**
 * A layer, or several at once: a method of {@link TorchScript} with its last arguments, such as weights, given. Each argument that is not
 * given again saves calls through JNI, and a method of several layers saves those between them.
 */
public final class Operation {

    /** Prefix of the methods that take arrays in place of numbers: DJL passes gradients through no others. */
    private static final String WITH_ARRAYS = "with_arrays_";

    /** Those operations of a training step that take numbers, with arrays in their place. */
    static final String TRAINING = """
              def with_arrays_attention(self: __torch__.Ops, q: Tensor, k: Tensor, v: Tensor, causal: Tensor) -> Tensor:
                return (self).attention(q, k, v, bool(causal))
              def with_arrays_conv2d(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor,
                      stride: Tensor, padding: Tensor) -> Tensor:
                return (self).conv2d(x, weight, bias, int(stride), int(padding))
              def with_arrays_group_norm(self: __torch__.Ops, x: Tensor, groups: Tensor, weight: Tensor, bias: Tensor,
                      eps: Tensor) -> Tensor:
                return (self).group_norm(x, int(groups), weight, bias, float(eps))
              def with_arrays_layer_norm(self: __torch__.Ops, x: Tensor, weight: Tensor, bias: Tensor, eps: Tensor) -> Tensor:
                return (self).layer_norm(x, weight, bias, float(eps))
              def with_arrays_conv(self: __torch__.Ops, x: Tensor, frames: Tensor, weight: Tensor, bias: Tensor,
                      stride: Tensor, temporal1: Tensor, temporal2: Tensor) -> Tensor:
                return (self).conv(x, int(frames), weight, bias, int(stride), temporal1, temporal2)
              def with_arrays_norm_conv(self: __torch__.Ops, x: Tensor, time: Tensor, frames: Tensor, shared: Tensor,
                      groups: Tensor, eps: Tensor, norm_weight: Tensor, norm_bias: Tensor, weight: Tensor, bias: Tensor,
                      temporal1: Tensor, temporal2: Tensor, time_weight: Tensor, time_bias: Tensor) -> Tensor:
                return (self).norm_conv(x, time, int(frames), int(shared), int(groups), float(eps),
                        norm_weight, norm_bias, weight, bias, temporal1, temporal2, time_weight, time_bias)
              def with_arrays_resnet(self: __torch__.Ops, x: Tensor, time: Tensor, frames: Tensor, shared: Tensor,
                      groups1: Tensor, eps1: Tensor, norm_weight1: Tensor, norm_bias1: Tensor, weight1: Tensor, bias1: Tensor,
                      temporal11: Tensor, temporal12: Tensor, time_weight1: Tensor, time_bias1: Tensor,
                      groups2: Tensor, eps2: Tensor, norm_weight2: Tensor, norm_bias2: Tensor, weight2: Tensor, bias2: Tensor,
                      temporal21: Tensor, temporal22: Tensor, time_weight2: Tensor, time_bias2: Tensor,
                      weight: Tensor, bias: Tensor) -> Tensor:
                return (self).resnet(x, time, int(frames), int(shared),
                        int(groups1), float(eps1), norm_weight1, norm_bias1, weight1, bias1,
                        temporal11, temporal12, time_weight1, time_bias1,
                        int(groups2), float(eps2), norm_weight2, norm_bias2, weight2, bias2,
                        temporal21, temporal22, time_weight2, time_bias2,
                        weight, bias)
              def with_arrays_upsample_conv(self: __torch__.Ops, x: Tensor, first: Tensor, height: Tensor, width: Tensor, frames: Tensor,
                      weight: Tensor, bias: Tensor, phases: Tensor, phase_bias: Tensor, temporal1: Tensor, temporal2: Tensor) -> Tensor:
                return (self).upsample_conv(x, int(first), int(height), int(width), int(frames),
                        weight, bias, phases, phase_bias, temporal1, temporal2)
              def with_arrays_tokens(self: __torch__.Ops, x: Tensor, groups: Tensor, eps: Tensor,
                      norm_weight: Tensor, norm_bias: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
                return (self).tokens(x, int(groups), float(eps), norm_weight, norm_bias, weight, bias)
              def with_arrays_queries(self: __torch__.Ops, x: Tensor, frames: Tensor, heads: Tensor,
                      norm_weight: Tensor, norm_bias: Tensor, eps: Tensor, query: Tensor) -> Tensor:
                return (self).queries(x, int(frames), int(heads), norm_weight, norm_bias, float(eps), query)
              def with_arrays_keys_values(self: __torch__.Ops, x: Tensor, heads: Tensor, key: Tensor, value: Tensor) -> List[Tensor]:
                return (self).keys_values(x, int(heads), key, value)
              def with_arrays_queries_keys_values(self: __torch__.Ops, x: Tensor, frames: Tensor, of: Tensor, heads: Tensor,
                      norm_weight: Tensor, norm_bias: Tensor, eps: Tensor, query: Tensor, key: Tensor, value: Tensor) -> List[Tensor]:
                return (self).queries_keys_values(x, int(frames), (self).numbers(of), int(heads),
                        norm_weight, norm_bias, float(eps), query, key, value)
              def with_arrays_frame_attention(self: __torch__.Ops, q: Tensor, k: Tensor, v: Tensor,
                      frames: Tensor, of: Tensor, lists: Tensor) -> Tensor:
                return (self).frame_attention(q, k, v, int(frames), int(of), (self).numbers(lists))
              def with_arrays_temporal_attention(self: __torch__.Ops, x: Tensor, frames: Tensor, heads: Tensor,
                      norm_weight: Tensor, norm_bias: Tensor, eps: Tensor, query: Tensor, key: Tensor, value: Tensor,
                      out_weight: Tensor, out_bias: Tensor) -> Tensor:
                return (self).temporal_attention(x, int(frames), int(heads), norm_weight, norm_bias, float(eps),
                        query, key, value, out_weight, out_bias)
              def with_arrays_feed_forward(self: __torch__.Ops, x: Tensor, rows: Tensor,
                      norm_weight: Tensor, norm_bias: Tensor, eps: Tensor,
                      hidden_weight: Tensor, hidden_bias: Tensor, gate_weight: Tensor, gate_bias: Tensor,
                      out_weight: Tensor, out_bias: Tensor) -> Tensor:
                return torch.add(x, (self).gated(x, norm_weight, norm_bias, float(eps),
                        hidden_weight, hidden_bias, gate_weight, gate_bias, out_weight, out_bias))
              def numbers(self: __torch__.Ops, x: Tensor) -> List[int]:
                list = annotate(List[int], [])
                for i in range(torch.numel(x)):
                  _0 = torch.append(list, int(torch.select(x, 0, i)))
                return list
            """;

    private final Torch torch;
    private final String method;
    private final Object[] constants;
    private final Libtorch.Script.Constants prepared;

    Operation(Torch torch, String method, Object... constants) {
        this.torch = torch;
        this.method = method;
        this.constants = Arrays.stream(constants)
                .flatMap(constant -> constant instanceof Operation part ? Arrays.stream(part.constants) : Stream.of(constant)).toArray();
        prepared = torch.prepared(this.constants);
    }

    /** @param arguments arrays, int, double, boolean or int[]; the result belongs to the manager of the first, an array */
    public NDArray run(Object... arguments) {
        return torch.run(method, constants, prepared, arguments);
    }

    /** Likewise of a method that gives several arrays. */
    public NDList runForList(Object... arguments) {
        return torch.runForList(method, constants, prepared, arguments);
    }

    /** @param arguments all of the method's */
    static NDList runWithGradients(Libtorch.Script script, NDManager to, String method, Object... arguments) {
        try (NDManager passing = to.newSubManager(Device.cpu())) {
            NDList values = new NDList();
            for (Object argument : arguments) {
                values.add(argument instanceof NDArray array ? array : scalar(passing, argument));
            }
            boolean arraysAlone = Arrays.stream(arguments).allMatch(NDArray.class::isInstance);
            return script.runWithGradients(to, arraysAlone ? method : WITH_ARRAYS + method, values);
        }
    }

    private static NDArray scalar(NDManager manager, Object number) {
        if (number instanceof Integer integer) {
            return manager.create((long) integer);
        }
        if (number instanceof int[] numbers) {
            return manager.create(Arrays.stream(numbers).asLongStream().toArray());
        }
        return number instanceof Double real ? manager.create((double) real) : manager.create((boolean) number);
    }
}
