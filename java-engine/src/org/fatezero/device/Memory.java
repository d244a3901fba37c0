package org.fatezero.device;

import ai.djl.Device;
import ai.djl.util.cuda.CudaUtils;

import com.sun.jna.NativeLibrary;
import com.sun.jna.NativeLong;
import com.sun.management.OperatingSystemMXBean;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How much memory is free: a device's own, or this machine's within the limit of its container. */
public final class Memory {

    private static final Pattern ROW = Pattern.compile("(?m)^(MemTotal|MemAvailable):\\s+(\\d{1,15}) kB$");

    /** The group of this process that counts memory: {@code 4:memory:/path}, or {@code 0::/path} in the second version. */
    private static final Pattern GROUP = Pattern.compile("(?m)^(?:\\d+:(?:[^:]*,)?(memory)(?:,[^:]*)?|0:):(/.*)$");

    /** Of a group and those within it, which the first version counts apart. */
    private static final Pattern CACHED = Pattern.compile("(?m)^(?:total_|(?![\\s\\S]*^total_))(?:in)?active_file (\\d{1,18})$");

    private Memory() {
    }

    /** Bytes free on {@code device}, of its own memory or of the host's. */
    public static long free(Device device) {
        if (device.isGpu()) {
            Libtorch.releaseCachedMemory();
            MemoryUsage usage = CudaUtils.getGpuMemory(device);
            return usage.getMax() - usage.getUsed();
        }
        OperatingSystemMXBean within = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        return free(text(Path.of("/proc/meminfo")), statistics(), within.getTotalMemorySize(), within.getFreeMemorySize());
    }

    /**
     * Gives back to the system what the C library holds of memory that is freed. Between large arrays that are in use it would keep as much
     * as the largest moment took.
     */
    public static void giveBack() {
        try {
            NativeLibrary.getProcess().getFunction("malloc_trim").invokeInt(new Object[] {new NativeLong(0)});
        } catch (UnsatisfiedLinkError e) {
            // glibc alone has it; other C libraries give memory back by themselves
        }
    }

    /** The {@code memory.stat} of this process's control group, whichever version of them the system has. */
    private static String statistics() {
        Matcher groups = GROUP.matcher(text(Path.of("/proc/self/cgroup")));
        while (groups.find()) {
            Path mount = Path.of(groups.group(1) == null ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory");
            for (String group : List.of("." + groups.group(2), ".")) { // a container may see its own as the top
                String statistics = text(mount.resolve(group).resolve("memory.stat"));
                if (!statistics.isEmpty()) {
                    return statistics;
                }
            }
        }
        return "";
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return ""; // as on other systems than Linux
        }
    }

    /**
     * @param meminfo the host's {@code /proc/meminfo}; empty where there is none
     * @param statistics the container's {@code memory.stat}, or nothing
     * @param limit bytes that a container, or the host, has in all, as Java sees it
     * @param freeWithin bytes of them that are free; what caches of files hold, and would give up, does not count as free
     */
    static long free(String meminfo, String statistics, long limit, long freeWithin) {
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
        long cached = CACHED.matcher(statistics).results().mapToLong(row -> Long.parseLong(row.group(1))).sum();
        return limit < total ? Math.min(available, Math.min(limit, freeWithin + cached)) : available;
    }
}
