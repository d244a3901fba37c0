package org.fatezero.device;

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
import ai.djl.pytorch.jni.LibUtils;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** libtorch where DJL's own interface does not reach it: the one class that knows {@code ai.djl.pytorch}. */
public final class Libtorch {

    private Libtorch() {
    }

    public static String version() {
        return LibUtils.getVersion();
    }

    /** Whether the libtorch that is loaded was built for CUDA. */
    public static boolean isForCuda() {
        return Files.exists(Path.of(LibUtils.getLibtorchPath(), "libtorch_cuda.so"));
    }

    /** Gives back to the device what libtorch's allocator holds and no array uses. */
    public static void releaseCachedMemory() {
        JniUtils.emptyCudaCache();
    }

    /**
     * Switches off TorchScript's optimiser for the calling thread: each method here is a few operations, and it would compile
     * them anew for every shape.
     */
    public static void runWithoutOptimizer() {
        JniUtils.setGraphExecutorOptimize(false);
    }

    /** Sets the gradient of {@code weight} to zero. */
    public static void clearGradient(NDArray weight) {
        JniUtils.zeroGrad((PtNDArray) weight);
    }

    /**
     * Loads a TorchScript archive.
     *
     * @param manager closes it in the end, unless {@link Script#close} did
     */
    public static Script load(NDManager manager, byte[] archive) throws IOException {
        return new Script(JniUtils.loadModule((PtNDManager) manager, new ByteArrayInputStream(archive), false, false));
    }

    /** A loaded archive, whose methods can be run. */
    public static final class Script implements AutoCloseable {

        private final PtSymbolBlock module;

        private Script(PtSymbolBlock module) {
            this.module = module;
        }

        /**
         * Runs a method in libtorch's inference mode.
         *
         * @param to owns the result
         * @param arguments arrays, int, double or boolean
         */
        public NDArray run(NDManager to, String method, Object... arguments) {
            IValue[] values = new IValue[arguments.length];
            try {
                for (int i = 0; i < arguments.length; i++) {
                    values[i] = value(arguments[i]);
                }
                try (IValue result = IValueUtils.runMethod(module, method, values)) {
                    return result.toTensor((PtNDManager) to);
                }
            } finally {
                for (IValue value : values) {
                    if (value != null) {
                        value.close();
                    }
                }
            }
        }

        /**
         * Runs a method so that gradients pass through it. DJL keeps them only where all arguments are arrays, of which the last
         * bears the method's name.
         *
         * @param to owns the result
         */
        public NDArray runWithGradients(NDManager to, String method, NDList arguments) {
            try (NDManager temporary = to.newSubManager(Device.cpu())) {
                NDArray name = temporary.create(0);
                name.setName("module_method:" + method);
                NDArray result = IValueUtils.forward(module, new NDList(arguments).addAll(new NDList(name)), true).singletonOrThrow();
                result.attach(to);
                return result;
            }
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
            throw new IllegalArgumentException("no TorchScript value for " + argument);
        }

        @Override
        public void close() {
            module.close();
        }
    }
}
