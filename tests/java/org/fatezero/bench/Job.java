package org.fatezero.bench;

import ai.djl.ndarray.types.DataType;

import com.google.gson.Gson;

import org.fatezero.device.Hardware;
import org.fatezero.engine.Engine;
import org.fatezero.engine.Host;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/**
 * One window in a process of its own, so that its memory is its own: what each phase of it takes, as a line of JSON.
 *
 * <p>Arguments are {@code key=value}: the engine's options and {@code frames}, of {@code side} pixels square; {@code warm=1} for a
 * window of one step before, which is not counted; {@code clip} and {@code edited}, files of packed RGB frames to read and
 * write.
 */
final class Job implements Host {

    /**
     * Seconds, and MiB resident: with the weights loaded, and at most in each phase.
     *
     * @param precision that the UNet ran in
     * @param rates in that precision, measured in the same process, right after the window
     * @param vaeRates likewise in the VAE's
     */
    record Result(String precision, double start, double loaded, Map<String, Double> seconds, Map<String, Double> peak, Rates rates,
            Rates vaeRates) {

        double window() {
            return seconds.values().stream().mapToDouble(Double::doubleValue).sum();
        }

        double aboveLoaded() {
            return peak.values().stream().mapToDouble(Double::doubleValue).max().orElse(0) - loaded;
        }
    }

    private final Map<String, Double> seconds = new LinkedHashMap<>();
    private final Map<String, Double> peak = new LinkedHashMap<>();
    private String phase;
    private long since;

    public static void main(String[] arguments) throws IOException {
        Map<String, String> options = new LinkedHashMap<>();
        for (String argument : arguments) {
            options.put(argument.substring(0, argument.indexOf('=')), argument.substring(argument.indexOf('=') + 1));
        }
        int side = Integer.parseInt(options.remove("side"));
        int n = Integer.parseInt(options.remove("frames"));
        boolean warm = "1".equals(options.remove("warm"));
        String clip = options.remove("clip");
        String edited = options.remove("edited");
        options.put("window", Integer.toString(n));
        ByteBuffer[] source = Clip.read(n, side, clip);
        ByteBuffer[] target = Clip.read(n, side, null);
        int[] strides = new int[n];
        Arrays.fill(strides, 3 * side);
        Job job = new Job();
        try (Engine engine = new Engine(options, job)) {
            double start = (System.currentTimeMillis() - ManagementFactory.getRuntimeMXBean().getStartTime()) / 1000.;
            double loaded = status("VmRSS");
            if (warm) {
                Map<String, String> short1 = new LinkedHashMap<>(options);
                short1.put("steps", "1");
                try (Engine before = new Engine(short1, new Job())) {
                    before.edit(source, strides, target, strides, side, side, 8);
                }
            }
            job.enter("encode");
            job.seconds.clear(); // of loading
            job.peak.clear();
            engine.edit(source, strides, target, strides, side, side, 8);
            job.enter(null);
            DataType precision = Hardware.of(options.getOrDefault("device", "auto"), options.getOrDefault("precision", "auto")).precision();
            Rates rates = Rates.measure(precision, side);
            System.out.println(new Gson().toJson(new Result(precision.name().toLowerCase(Locale.ROOT), start, loaded, job.seconds, job.peak,
                    rates, precision == DataType.BFLOAT16 ? Rates.measure(DataType.FLOAT32, side) : rates)));
        }
        if (edited != null) {
            Clip.write(Path.of(edited), target);
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
        long now = System.nanoTime();
        try {
            if (phase != null) {
                seconds.merge(phase, (now - since) / 1e9, Double::sum);
                peak.merge(phase, status("VmHWM"), Math::max);
            }
            Files.writeString(Path.of("/proc/self/clear_refs"), "5"); // the peak starts again from here
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        phase = next;
        since = System.nanoTime();
    }

    /** MiB of a row of this process's status. */
    private static double status(String row) throws IOException {
        String line = Files.readAllLines(Path.of("/proc/self/status")).stream().filter(text -> text.startsWith(row + ":"))
                .findFirst().orElseThrow();
        return Long.parseLong(line.replaceAll("\\D", "")) / 1024.;
    }
}
