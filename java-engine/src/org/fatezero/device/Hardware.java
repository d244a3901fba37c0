package org.fatezero.device;

import ai.djl.Device;
import ai.djl.ndarray.types.DataType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/**
 * What an edit runs on.
 *
 * @param precision of the UNet: FLOAT32, FLOAT16 or BFLOAT16
 */
public record Hardware(Device device, DataType precision) {

    private static final Path CPUINFO = Path.of("/proc/cpuinfo");
    private static final List<String> BF16_INSTRUCTIONS = List.of("avx512_bf16", "amx_bf16");

    /**
     * @param device {@code auto}, {@code cpu}, {@code cuda} or {@code cuda:N}
     * @param precision {@code auto}, {@code fp32}, {@code fp16} or {@code bf16}
     * @throws IllegalArgumentException if this machine, or the libtorch that is loaded, has it not
     */
    public static Hardware of(String device, String precision) {
        Device chosen = device(device);
        if (precision.equals("fp16") && !chosen.isGpu()) {
            throw new IllegalArgumentException("precision=fp16 is for CUDA devices; on the CPU use fp32 or bf16");
        }
        return new Hardware(chosen, switch (precision) {
            case "fp32" -> DataType.FLOAT32;
            case "fp16" -> DataType.FLOAT16;
            case "bf16" -> DataType.BFLOAT16;
            default -> chosen.isGpu() ? DataType.FLOAT16 : computesInBfloat16() ? DataType.BFLOAT16 : DataType.FLOAT32;
        });
    }

    private static boolean computesInBfloat16() {
        try {
            return computesInBfloat16(Files.readString(CPUINFO));
        } catch (IOException e) {
            return false; // not Linux: nothing is known of the processor
        }
    }

    /** Whether the processor multiplies in bfloat16, twice as fast as in single precision, rather than emulating it. */
    static boolean computesInBfloat16(String cpuinfo) {
        return cpuinfo.lines().filter(line -> line.startsWith("flags")).limit(1)
                .anyMatch(line -> Arrays.stream(line.split("\\s+")).anyMatch(BF16_INSTRUCTIONS::contains));
    }

    private static Device device(String name) {
        int gpus = ai.djl.engine.Engine.getEngine("PyTorch").getGpuCount();
        if (name.equals("cpu") || name.equals("auto") && gpus == 0) {
            return Device.cpu();
        }
        int index = name.startsWith("cuda:") ? Integer.parseInt(name.substring("cuda:".length())) : 0;
        if (index >= gpus) {
            throw new IllegalArgumentException("device=" + name + ": " + (gpus > 0 ? "the CUDA devices here are 0 to " + (gpus - 1)
                    : Libtorch.isForCuda() ? "libtorch's CUDA build sees no device here; use device=cpu, or look at NVIDIA's driver"
                    : "libtorch's CPU build runs here; use device=cpu, or run make gpu where NVIDIA's driver is installed"));
        }
        return Device.gpu(index);
    }

    @Override
    public String toString() {
        return "on " + (device.isGpu() ? "cuda:" + device.getDeviceId() : "cpu") + " in "
                + (precision == DataType.FLOAT16 ? "fp16" : precision == DataType.BFLOAT16 ? "bf16" : "fp32")
                + ", libtorch " + Libtorch.version() + (Libtorch.isForCuda() ? " for CUDA" : " for the CPU");
    }
}
