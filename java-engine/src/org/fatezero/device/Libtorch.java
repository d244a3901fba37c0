package org.fatezero.device;

import ai.djl.Device;
import ai.djl.engine.StandardCapabilities;
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
import java.util.Arrays;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

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

    /** Whether it has oneDNN, which computes the layers of a network on processors. */
    public static boolean hasOneDnn() {
        return JniUtils.getFeatures().contains(StandardCapabilities.MKLDNN);
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
        return new Script(manager, JniUtils.loadModule((PtNDManager) manager, new ByteArrayInputStream(archive), false, false));
    }

    /** A loaded archive, whose methods can be run. */
    public static final class Script implements AutoCloseable {

        private final NDManager manager;
        private final PtSymbolBlock module;
        private final Map<Object, IValue> small = new ConcurrentHashMap<>(); // flags and small numbers, made once

        private Script(NDManager manager, PtSymbolBlock module) {
            this.manager = manager;
            this.module = module;
            manager.attachInternal(UUID.randomUUID().toString(), () -> small.values().forEach(IValue::close));
        }

        /** Arguments that are made once for many calls; they are closed with the script's manager. */
        public final class Constants {

            private final IValue[] values;

            private Constants(IValue[] values) {
                this.values = values;
            }
        }

        /** @param arguments as in {@link #run}; the arrays live as long as the script's manager */
        public Constants constants(Object... arguments) {
            IValue[] values = values(arguments);
            manager.attachInternal(UUID.randomUUID().toString(), () -> close(arguments, values));
            return new Constants(values);
        }

        /**
         * Runs a method in libtorch's inference mode.
         *
         * @param to owns the result
         * @param constants its last arguments
         * @param arguments arrays, int, double, boolean or int[], the ones before
         */
        public NDArray run(NDManager to, String method, Constants constants, Object... arguments) {
            try (IValue result = result(method, constants, arguments)) {
                return result.toTensor((PtNDManager) to);
            }
        }

        /** Likewise a method that gives a list of arrays. */
        public NDList runForList(NDManager to, String method, Constants constants, Object... arguments) {
            try (IValue result = result(method, constants, arguments)) {
                return new NDList(result.toTensorArray((PtNDManager) to));
            }
        }

        private IValue result(String method, Constants constants, Object... arguments) {
            IValue[] first = values(arguments);
            IValue[] all = Arrays.copyOf(first, first.length + constants.values.length);
            System.arraycopy(constants.values, 0, all, first.length, constants.values.length);
            try {
                return IValueUtils.runMethod(module, method, all);
            } finally {
                close(arguments, first);
            }
        }

        private IValue[] values(Object... arguments) {
            IValue[] values = new IValue[arguments.length];
            try {
                for (int i = 0; i < values.length; i++) {
                    values[i] = isSmall(arguments[i]) ? small.computeIfAbsent(arguments[i], Script::value) : value(arguments[i]);
                }
            } catch (RuntimeException | Error e) {
                close(arguments, values);
                throw e;
            }
            return values;
        }

        private static boolean isSmall(Object argument) {
            return argument instanceof Boolean || argument instanceof Integer number && number >= 0 && number < 1024;
        }

        /** @param values of {@code arguments}; null from where making them has failed */
        private static void close(Object[] arguments, IValue[] values) {
            for (int i = 0; i < values.length && values[i] != null; i++) {
                if (!isSmall(arguments[i])) {
                    values[i].close();
                }
            }
        }

        /**
         * Runs a method so that gradients pass through it. DJL keeps them only where all arguments are arrays, of which the last
         * bears the method's name.
         *
         * @param to owns the result
         */
        public NDList runWithGradients(NDManager to, String method, NDList arguments) {
            try (NDManager temporary = to.newSubManager(Device.cpu())) {
                NDArray name = temporary.create(0);
                name.setName("module_method:" + method);
                NDList result = IValueUtils.forward(module, new NDList(arguments).addAll(new NDList(name)), true);
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
            } else if (argument instanceof int[] numbers) {
                return IValue.listFrom(Arrays.stream(numbers).asLongStream().toArray());
            }
            throw new IllegalArgumentException("no TorchScript value for " + argument);
        }

        @Override
        public void close() {
            module.close();
        }
    }
}
