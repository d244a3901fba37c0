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
            return script.runWithGradients(to, arraysAlone ? method : TorchScript.WITH_ARRAYS + method, values);
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
