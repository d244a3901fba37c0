package org.fatezero.device;

import ai.djl.Device;
import ai.djl.util.cuda.CudaUtils;

import com.sun.management.OperatingSystemMXBean;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How much memory is free: a device's own, or this machine's within the limit of its container. */
public final class Memory {

    private static final Pattern ROW = Pattern.compile("(?m)^(MemTotal|MemAvailable):\\s+(\\d{1,15}) kB$");

    private Memory() {
    }

    /** Bytes free on {@code device}, of its own memory or of the host's. */
    public static long free(Device device) {
        if (device.isGpu()) {
            Libtorch.releaseCachedMemory();
            MemoryUsage usage = CudaUtils.getGpuMemory(device);
            return usage.getMax() - usage.getUsed();
        }
        try {
            OperatingSystemMXBean within = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
            return free(Files.readString(Path.of("/proc/meminfo")), within.getTotalMemorySize(), within.getFreeMemorySize());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * @param meminfo the host's {@code /proc/meminfo}
     * @param limit bytes that a container, or the host, has in all, as Java sees it
     * @param freeWithin bytes of them that are free; on a host, what its caches hold does not count as free here
     */
    static long free(String meminfo, long limit, long freeWithin) {
        long total = Long.MAX_VALUE;
        long available = Long.MAX_VALUE;
        for (Matcher row = ROW.matcher(meminfo); row.find();) {
            long bytes = 1024 * Long.parseLong(row.group(2));
            if (row.group(1).equals("MemTotal")) {
                total = bytes;
            } else {
                available = bytes;
            }
        }
        return limit < total ? Math.min(available, freeWithin) : available;
    }
}
