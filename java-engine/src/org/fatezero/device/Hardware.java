package org.fatezero.device;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.types.DataType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/**
 * What an edit runs on.
 *
 * @param precision of the UNet: FLOAT32, FLOAT16 or BFLOAT16
 */
public record Hardware(Device device, DataType precision) {

    private static final Path CPUINFO = Path.of("/proc/cpuinfo");
    /** Environment variables of oneDNN, which is in libtorch: the newest instructions that it may use. */
    private static final List<String> LIMITS = List.of("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA");
    private static final List<String> ALL = List.of("", "ALL", "DEFAULT", "AVX512_CORE_AMX", "AVX512_CORE_AMX_FP16", "AVX10_1_512_AMX",
            "AVX10_1_512_AMX_FP16");
    private static final List<String> BEFORE_AVX2 = List.of("SSE41", "AVX");
    private static final List<String> ALL_BUT_AMX = List.of("AVX512_CORE_BF16", "AVX512_CORE_FP16", "AVX10_1_512");

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
            default -> chosen.isGpu() ? DataType.FLOAT16 : ofProcessor();
        });
    }

    private static DataType ofProcessor() {
        return computesInBfloat16() ? DataType.BFLOAT16 : DataType.FLOAT32;
    }

    private static boolean computesInBfloat16() {
        return computesInBfloat16(cpuinfo(), limit());
    }

    /** Whether oneDNN has sound and fast kernels for this processor and precision, which want their weights packed. */
    public static boolean multipliesPacked(DataType precision) {
        return multipliesPacked(precision, cpuinfo(), limit());
    }

    /** @param limit as below */
    static boolean multipliesPacked(DataType precision, String cpuinfo, String limit) {
        return switch (precision) {
            case FLOAT32 -> flags(cpuinfo).contains("avx2") && !BEFORE_AVX2.contains(limit.toUpperCase(Locale.ROOT));
            case BFLOAT16 -> computesInBfloat16(cpuinfo, limit);
            default -> false;
        };
    }

    private static String limit() {
        return LIMITS.stream().map(System::getenv).filter(Objects::nonNull).findFirst().orElse("");
    }

    private static String cpuinfo() {
        try {
            return Files.readString(CPUINFO);
        } catch (IOException e) {
            return ""; // not Linux: nothing is known of the processor
        }
    }

    private static List<String> flags(String cpuinfo) {
        return cpuinfo.lines().filter(line -> line.startsWith("flags")).limit(1)
                .flatMap(line -> Arrays.stream(line.split("\\s+"))).toList();
    }

    /**
     * Whether libtorch multiplies in bfloat16 by instructions made for that, twice as fast as in single precision, and soundly. It
     * does not with AMX: where a row's length is no multiple of 32, oneDNN 3.7 multiplies what lies behind its end by zero
     * (github.com/uxlfoundation/oneDNN/issues/5717), and if that happens to be an infinity or NaN, the result is NaN.
     *
     * @param limit the newest instructions that oneDNN may use, in its own words; all if empty
     */
    static boolean computesInBfloat16(String cpuinfo, String limit) {
        List<String> flags = flags(cpuinfo);
        String newest = limit.toUpperCase(Locale.ROOT);
        return flags.contains("avx512_bf16") && (ALL_BUT_AMX.contains(newest) || ALL.contains(newest) && !flags.contains("amx_bf16"));
    }

    private static Device device(String name) {
        int gpus = libtorch().getGpuCount();
        if (name.equals("cpu") || name.equals("auto") && gpus == 0) {
            return Device.cpu();
        }
        int index = name.startsWith("cuda:") ? Integer.parseInt(name.substring("cuda:".length())) : 0;
        if (index >= gpus) {
            String none = Libtorch.isForCuda() ? "libtorch's CUDA build sees no device here; use device=cpu, or look at NVIDIA's driver"
                    : "libtorch's CPU build runs here; use device=cpu, or run make gpu where NVIDIA's driver is installed";
            throw new IllegalArgumentException("device=" + name + ": "
                    + (gpus > 0 ? "the CUDA devices here are 0 to " + (gpus - 1) : none));
        }
        return Device.gpu(index);
    }

    /** Loads it when first called. */
    private static Engine libtorch() {
        try {
            return Engine.getEngine("PyTorch");
        } catch (EngineException | LinkageError e) {
            Throwable cause = e;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            if (OutOfMemory.is(cause)) {
                throw OutOfMemory.error("libtorch", "free some, or raise the limit (ulimit -v): " + cause.getMessage(), e);
            }
            throw new EngineException("libtorch cannot be loaded: " + cause.getMessage(), e);
        }
    }

    @Override
    public String toString() {
        String type = switch (precision) {
            case FLOAT16 -> "fp16";
            case BFLOAT16 -> "bf16";
            default -> "fp32";
        };
        return "on " + (device.isGpu() ? "cuda:" + device.getDeviceId() : "cpu") + " in " + type
                + ", libtorch " + Libtorch.version() + (Libtorch.isForCuda() ? " for CUDA" : " for the CPU");
    }
}
