package org.fatezero.engine;

import ai.djl.Device;
import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.jni.LibUtils;

import java.nio.file.Files;
import java.nio.file.Path;

/** What an edit runs on. */
public record Hardware(Device device, DataType precision) {

    /**
     * @param device {@code auto}, {@code cpu}, {@code cuda} or {@code cuda:N}
     * @param precision {@code auto}, {@code fp32} or {@code fp16}
     * @throws IllegalArgumentException if this machine, or the libtorch that is loaded, has it not
     */
    public static Hardware of(String device, String precision) {
        Device chosen = device(device);
        boolean half = precision.equals("fp16") || precision.equals("auto") && chosen.isGpu();
        if (half && !chosen.isGpu()) {
            throw new IllegalArgumentException("precision=fp16 is for CUDA devices; on the CPU use fp32");
        }
        return new Hardware(chosen, half ? DataType.FLOAT16 : DataType.FLOAT32);
    }

    private static Device device(String name) {
        int gpus = ai.djl.engine.Engine.getEngine("PyTorch").getGpuCount();
        if (name.equals("cpu") || name.equals("auto") && gpus == 0) {
            return Device.cpu();
        }
        int index = name.startsWith("cuda:") ? Integer.parseInt(name.substring("cuda:".length())) : 0;
        if (index >= gpus) {
            throw new IllegalArgumentException("device=" + name + ": " + (gpus > 0 ? "the CUDA devices here are 0 to " + (gpus - 1)
                    : forCuda() ? "libtorch's CUDA build sees no device here; use device=cpu, or look at NVIDIA's driver"
                    : "libtorch's CPU build runs here; use device=cpu, or run make gpu where NVIDIA's driver is installed"));
        }
        return Device.gpu(index);
    }

    private static boolean forCuda() {
        return Files.exists(Path.of(LibUtils.getLibtorchPath(), "libtorch_cuda.so"));
    }

    @Override
    public String toString() {
        return "on " + (device.isGpu() ? "cuda:" + device.getDeviceId() : "cpu") + " in " + (precision == DataType.FLOAT16 ? "fp16" : "fp32")
                + ", libtorch " + LibUtils.getVersion() + (forCuda() ? " for CUDA" : " for the CPU");
    }
}
