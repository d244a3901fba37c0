package org.fatezero.bench;

import ai.djl.engine.Engine;
import ai.djl.ndarray.types.DataType;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;

import org.fatezero.device.Hardware;
import org.fatezero.io.ModelConfig;
import org.fatezero.unet.UNetConfig;
import org.fatezero.vae.Vae;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * {@code make bench}: seconds and memory of the engine by phase, and the share of this machine's own rate that each phase
 * reaches. A table on standard output, and {@code build/bench/summary.json}.
 *
 * <p>Arguments: {@code full} for the long list, and {@code reference=FOLDER python=PROGRAM} for the authors' code beside it, or
 * {@code base=FOLDER} for another commit's engine beside it, with {@code spins}, how long its threads wait before they sleep,
 * and {@code here}, options that this engine alone gets: those that turn off what the base has not.
 */
final class Bench {

    static final Path OUT = Path.of("build/bench");
    private static final Path POCKET = Path.of("java-engine/pocket");

    /** @param full whether the model is of Stable Diffusion's size */
    record Row(boolean full, int side, int frames, int steps, String store, String precision) {

        Row(boolean full, int side, int frames, int steps, String store) {
            this(full, side, frames, steps, store, "auto");
        }

        Path folder() {
            return full ? OUT.resolve("model") : POCKET;
        }
    }

    /**
     * @param share of the rates that its process measured, by phase: the time that its operations take at them over its own
     * @param hostSeconds that filter, bridge and conversion take of a window; {@code hostShare} of its time
     */
    record Line(Row row, Job.Result job, Map<String, Double> share, double hostSeconds, double hostShare) {
    }

    private Bench() {
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        List<String> given = List.of(arguments);
        Files.createDirectories(OUT);
        Map<String, Object> summary = new LinkedHashMap<>();
        String reference = value(given, "reference");
        String base = value(given, "base");
        if (!base.isEmpty()) {
            summary.put("base", Paired.compare(base, value(given, "spins"), value(given, "here"), given.contains("full")));
        } else if (!reference.isEmpty()) {
            summary.put("reference", Reference.compare(reference, value(given, "python")));
        } else {
            FullSize.write(OUT.resolve("model"), POCKET.resolve("tokenizer"));
            boolean gpu = Engine.getEngine("PyTorch").getGpuCount() > 0;
            Map<Integer, Double> host = new LinkedHashMap<>();
            for (int side : new int[] {128, 512}) {
                host.put(side, HostOverhead.secondsAFrame(side));
            }
            summary.put("hostSecondsAFrame", host);
            summary.put("rows", lines(rows(given.contains("full"), gpu), host));
        }
        Files.writeString(OUT.resolve("summary.json"), new GsonBuilder().setPrettyPrinting().create().toJson(summary) + "\n");
    }

    private static String value(List<String> arguments, String key) {
        return arguments.stream().filter(text -> text.startsWith(key + "=")).map(text -> text.substring(key.length() + 1))
                .findFirst().orElse("");
    }

    /** Whole jobs of the size that the machine can do; one full-size step of one frame everywhere. */
    private static List<Row> rows(boolean all, boolean gpu) {
        List<Row> rows = new ArrayList<>();
        boolean full = all && gpu;
        int side = full ? 512 : 128;
        int few = full ? 50 : 10;
        for (String store : new String[] {"keep", "recompute"}) {
            rows.add(new Row(full, side, 8, few, store));
        }
        for (int frames : all ? new int[] {1, 16, 32} : new int[] {1, 32}) {
            rows.add(new Row(full, side, frames, full ? few : 4, "keep"));
        }
        for (int other : new int[] {256, 512, 768}) {
            rows.add(new Row(full, other, full ? 8 : 1, all ? 4 : 2, "keep"));
        }
        for (int steps : all ? new int[] {10, 20, 50} : new int[] {20}) {
            rows.add(new Row(full, side, 8, steps, "keep"));
        }
        if (!full) {
            for (int pixels : all ? new int[] {256, 512, 768} : new int[] {512}) {
                rows.add(new Row(true, pixels, 1, 1, "keep"));
            }
            if (all) {
                rows.add(new Row(true, 512, 4, 1, "keep", "fp32"));
            }
            if (Hardware.of("cpu", "auto").precision() != DataType.FLOAT32) {
                rows.add(new Row(false, 128, 8, few, "keep", "fp32"));
                rows.add(new Row(true, 512, 1, 1, "keep", "fp32"));
            }
        }
        return rows;
    }

    private static List<Line> lines(List<Row> rows, Map<Integer, Double> host) throws IOException, InterruptedException {
        System.out.println("                                               seconds                                                 peak MiB"
                + "                     share of the rate     GFLOP/s");
        System.out.println("model    size frames  T store     precision start encode  invert    edit  decode    all   host   loaded encode"
                + " invert   edit decode  encode invert edit decode  conv  matrix");
        List<Line> lines = new ArrayList<>();
        for (Row row : rows) {
            List<String> job = new ArrayList<>(List.of("frames=" + row.frames, "side=" + row.side, "size=" + row.side, "steps=" + row.steps,
                    "store=" + row.store, "precision=" + row.precision, "preset=watercolor", "source=a red jeep on a road",
                    "warm=" + (row.full && row.steps == 1 || !row.full && row.side > 128 ? 0 : 1)));
            if (row.full) {
                job.add("model=" + row.folder());
            }
            Job.Result result = job(job);
            double around = host.get(128) + (host.get(512) - host.get(128)) * (row.side * row.side - 128 * 128) / (512 * 512 - 128 * 128);
            double overhead = row.frames * (around + result.rates().conversion());
            Line line = new Line(row, result, shares(row, result), overhead, overhead / (result.window() + row.frames * around));
            lines.add(line);
            print(line);
        }
        return lines;
    }

    private static Map<String, Double> shares(Row row, Job.Result job) throws IOException {
        Vae.Config vae = Vae.Config.read(new ModelConfig(row.folder().resolve("vae/config.json")));
        UNetConfig unet = UNetConfig.read(new ModelConfig(row.folder().resolve("unet/config.json")));
        int[] pixels = {row.side, row.side};
        int[] latent = {row.side / vae.factor(), row.side / vae.factor()};
        Layers step = Layers.unet(unet, latent, 1, 32, 77);
        Map<String, Double> shares = new LinkedHashMap<>();
        shares.put("encode", row.frames * seconds(Layers.encoder(vae, pixels), job.vaeRates()));
        shares.put("invert", row.frames * row.steps * seconds(step, job.rates()));
        shares.put("edit", 2 * row.frames * row.steps * seconds(step, job.rates())); // where the source runs again, that is not counted
        shares.put("decode", row.frames * seconds(Layers.decoder(vae, pixels), job.vaeRates()));
        shares.replaceAll((phase, ideal) -> ideal / job.seconds().get(phase));
        return shares;
    }

    private static double seconds(Layers network, Rates rates) {
        return network.convolutions / rates.convolution() + network.products / rates.product();
    }

    private static void print(Line line) {
        Row row = line.row;
        Map<String, Double> s = line.job.seconds();
        Map<String, Double> m = line.job.peak();
        System.out.printf(Locale.ROOT,
                "%-7s %5d %6d %2d %-9s %-8s %6.1f %6.2f %7.2f %7.2f %7.2f %6.1f %5.2f%% %8.0f %6.0f %6.0f %6.0f %6.0f"
                + "  %5.0f%% %5.0f%% %3.0f%% %5.0f%% %5.0f %7.0f%n",
                row.full ? "SD 1.4" : "pocket", row.side, row.frames, row.steps, row.store, line.job.precision(),
                line.job.start(), s.get("encode"), s.get("invert"), s.get("edit"), s.get("decode"), line.job.window(),
                100 * line.hostShare, line.job.loaded(), m.get("encode"), m.get("invert"), m.get("edit"), m.get("decode"),
                100 * line.share.get("encode"), 100 * line.share.get("invert"), 100 * line.share.get("edit"),
                100 * line.share.get("decode"), line.job.rates().convolution() / 1e9, line.job.rates().product() / 1e9);
    }

    /** A {@link Job} in a process of its own. */
    static Job.Result job(List<String> arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx512m",
                "-Dai.djl.offline=true", "-Djna.library.path=" + System.getProperty("jna.library.path", ""), "-cp",
                System.getProperty("java.class.path"), Job.class.getName()));
        command.addAll(arguments);
        return new Gson().fromJson(lastLine(command), Job.Result.class);
    }

    /** What a program prints last. */
    static String lastLine(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", command) + " ended with " + process.exitValue() + "\n" + output);
        }
        return output.strip().substring(output.strip().lastIndexOf('\n') + 1);
    }
}
