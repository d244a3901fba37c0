package org.fatezero.bench;

import com.google.gson.Gson;
import com.sun.management.OperatingSystemMXBean;

import org.fatezero.engine.Engine;
import org.fatezero.engine.Host;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * The same window again and again, one for each line on standard input, for {@link Paired}. It uses nothing of the engine but what a
 * host does, so that it runs with the engine of an older commit.
 *
 * <p>Arguments are {@code key=value}: the engine's options, {@code frames} and {@code side} as {@link Job} has them, {@code clip} and
 * {@code edited}, which is written after every window. In a process with {@link CountingLoader} it counts calls, too.
 */
final class Windows implements Host {

    /**
     * @param cpu seconds of all threads
     * @param calls through JNI to libtorch, by phase; empty where nothing counts them
     * @param copies those of {@code calls} that copy between Java's memory and libtorch's
     */
    record Result(double seconds, double cpu, Map<String, Long> calls, Map<String, Long> copies) {
    }

    private final Map<String, Long> calls = new TreeMap<>();
    private final Map<String, Long> copies = new TreeMap<>();
    private String phase;

    public static void main(String[] arguments) throws IOException {
        Map<String, String> options = new LinkedHashMap<>();
        for (String argument : arguments) {
            options.put(argument.substring(0, argument.indexOf('=')), argument.substring(argument.indexOf('=') + 1));
        }
        int side = Integer.parseInt(options.remove("side"));
        int n = Integer.parseInt(options.remove("frames"));
        Path edited = Path.of(options.remove("edited"));
        options.put("window", Integer.toString(n));
        ByteBuffer[] source = Clip.read(n, side, options.remove("clip"));
        ByteBuffer[] target = Clip.read(n, side, null);
        int[] strides = new int[n];
        Arrays.fill(strides, 3 * side);
        OperatingSystemMXBean process = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        BufferedReader turns = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        Windows host = new Windows();
        try (Engine engine = new Engine(options, host)) {
            while (turns.readLine() != null) {
                long cpu = process.getProcessCpuTime();
                long start = System.nanoTime();
                host.enter("begin");
                engine.edit(source, strides, target, strides, side, side, 8);
                host.enter("end");
                double seconds = (System.nanoTime() - start) / 1e9;
                double cpuSeconds = (process.getProcessCpuTime() - cpu) / 1e9;
                Clip.write(edited, target);
                System.out.println(new Gson().toJson(new Result(seconds, cpuSeconds, host.calls, host.copies)));
                host.calls.clear();
                host.copies.clear();
            }
        }
    }

    @Override
    public void log(int level, String message) {
        if (level <= WARNING) {
            System.err.println(message);
        }
    }

    @Override
    public boolean step(String name, int step, int steps) {
        if (!name.equals(phase)) {
            enter(name);
        }
        return true;
    }

    private void enter(String next) {
        long[] counted = Calls.take();
        if (phase != null && counted[0] > 0) {
            calls.merge(phase, counted[0], Long::sum);
            copies.merge(phase, counted[1], Long::sum);
        }
        phase = next;
    }
}
