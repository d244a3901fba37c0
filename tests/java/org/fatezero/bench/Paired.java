package org.fatezero.bench;

import ai.djl.ndarray.types.DataType;

import com.google.gson.Gson;

import org.fatezero.device.Hardware;

import org.objectweb.asm.ClassReader;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/**
 * {@code make bench BASE=commit}: the engine of that commit and this one edit the same window in turns. Both see the same noise of the
 * machine, so the ratio of a pair tells more than either time; that of processor time holds even where other work shares the machine.
 */
final class Paired {

    /**
     * @param rounds pairs, after one that is not counted
     * @param options of the engine
     */
    private record Row(String name, int side, int frames, int steps, int rounds, List<String> options) {
    }

    /** Of the base over this one, pair by pair: above 1 is faster. */
    record Ratio(double median, double least, double most) {

        static Ratio of(List<Windows.Result> base, List<Windows.Result> here, ToDoubleFunction<Windows.Result> figure) {
            double[] ratios = new double[base.size()];
            Arrays.setAll(ratios, i -> figure.applyAsDouble(base.get(i)) / figure.applyAsDouble(here.get(i)));
            Arrays.sort(ratios);
            int n = ratios.length;
            return new Ratio((ratios[(n - 1) / 2] + ratios[n / 2]) / 2, ratios[0], ratios[n - 1]);
        }

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%5.2f (%.2f to %.2f)", median, least, most);
        }
    }

    /**
     * @param psnr of this engine's frames to the base's, in decibels
     * @param calls through JNI a step of the inversion and of the edit: the base's, then these; copies likewise
     */
    record Line(String name, List<Windows.Result> base, List<Windows.Result> here, Ratio seconds, Ratio cpu, double psnr,
            List<Double> calls, List<Double> copies) {
    }

    private static final String SOURCE = "a red jeep on a road";

    private Paired() {
    }

    /**
     * @param engine the folder with the base's jars
     * @param spins GOMP_SPINCOUNT of the base, as its bridge sets it
     * @param here options of this engine alone, {@code key=value} with spaces between
     */
    static List<Line> compare(String engine, String spins, String here, boolean full) throws IOException, InterruptedException {
        List<Row> rows = new ArrayList<>();
        boolean bf16 = Hardware.of("cpu", "auto").precision() == DataType.BFLOAT16;
        for (String precision : bf16 ? List.of("fp32", "bf16") : List.of("fp32")) {
            rows.add(new Row("pocket, " + precision, 128, 8, 10, 7, List.of("precision=" + precision, "model=java-engine/pocket")));
        }
        if (full) {
            FullSize.write(Bench.OUT.resolve("model"), Path.of("java-engine/pocket/tokenizer"));
            for (String precision : bf16 ? List.of("fp32", "bf16") : List.of("fp32")) {
                rows.add(new Row("SD 1.4, " + precision, 512, 1, 1, 3,
                        List.of("precision=" + precision, "model=" + Bench.OUT.resolve("model"))));
            }
        }
        System.out.println("                size frames  T  seconds: base  here  times as fast         by processor time     frames  "
                + " JNI calls a step (invert, edit)    copies");
        List<Line> lines = new ArrayList<>();
        for (Row row : rows) {
            Line line = compare(row, engine, spins, here.isBlank() ? List.of() : List.of(here.strip().split(" +")));
            lines.add(line);
            System.out.printf(Locale.ROOT,
                    "%-15s %4d %6d %2d %14.2f %5.2f %s  %s %4.1f dB  %5.0f %5.0f -> %5.0f %5.0f  %4.0f %4.0f -> %4.0f %4.0f%n",
                    row.name, row.side, row.frames, row.steps, median(line.base), median(line.here), line.seconds, line.cpu, line.psnr,
                    line.calls.get(0), line.calls.get(1), line.calls.get(2), line.calls.get(3),
                    line.copies.get(0), line.copies.get(1), line.copies.get(2), line.copies.get(3));
        }
        return lines;
    }

    private static double median(List<Windows.Result> results) {
        double[] seconds = results.stream().mapToDouble(Windows.Result::seconds).sorted().toArray();
        return seconds[seconds.length / 2];
    }

    private static Line compare(Row row, String engine, String spins, List<String> here) throws IOException, InterruptedException {
        Path clip = Bench.OUT.resolve("clip.rgb");
        Clip.make(clip, row.frames, row.side);
        // older engines have another model built in, and do not read what guidance a model asks for
        List<String> options = new ArrayList<>(List.of("frames=" + row.frames, "side=" + row.side, "size=" + row.side, "steps=" + row.steps,
                "device=cpu", "store=keep", "keys=mid", "guidance=7.5", "preset=watercolor", "source=" + SOURCE, "clip=" + clip));
        options.addAll(row.options);
        List<String> own = new ArrayList<>(options);
        own.addAll(here);
        String path = System.getProperty("java.class.path");
        String asm = ClassReader.class.getProtectionDomain().getCodeSource().getLocation().getPath();
        String base = String.join(File.pathSeparator, "build/maven/test-classes", engine + "/*", asm);
        Path[] edited = {Bench.OUT.resolve("base.rgb"), Bench.OUT.resolve("here.rgb")};
        List<Windows.Result> ofBase = new ArrayList<>();
        List<Windows.Result> ofHere = new ArrayList<>();
        try (Player first = new Player(base, spins, options, edited[0], false);
                Player second = new Player(path, null, own, edited[1], false)) {
            first.turn();
            second.turn();
            for (int round = 0; round < row.rounds; round++) {
                if (round % 2 == 0) {
                    ofBase.add(first.turn());
                    ofHere.add(second.turn());
                } else {
                    ofHere.add(second.turn());
                    ofBase.add(first.turn());
                }
            }
        }
        List<Double> calls = new ArrayList<>();
        List<Double> copies = new ArrayList<>();
        for (Windows.Result counted : List.of(counted(base, options), counted(path, own))) {
            for (String phase : List.of("invert", "edit")) {
                calls.add(counted.calls().getOrDefault(phase, 0L) / (double) row.steps);
                copies.add(counted.copies().getOrDefault(phase, 0L) / (double) row.steps);
            }
        }
        return new Line(row.name, ofBase, ofHere,
                Ratio.of(ofBase, ofHere, Windows.Result::seconds), Ratio.of(ofBase, ofHere, Windows.Result::cpu),
                Clip.psnr(Files.readAllBytes(edited[0]), Files.readAllBytes(edited[1])), calls, copies);
    }

    /** One window, with its calls counted: the second, when nothing is set up anymore. */
    static Windows.Result counted(String classPath, List<String> options) throws IOException, InterruptedException {
        try (Player player = new Player(classPath, null, options, Bench.OUT.resolve("counted.rgb"), true)) {
            player.turn();
            return player.turn();
        }
    }

    /** A process of {@link Windows}. */
    private static final class Player implements AutoCloseable {

        private final Process process;
        private final BufferedReader results;
        private final BufferedWriter turns;

        /** @param spins GOMP_SPINCOUNT; null for that of this process */
        Player(String classPath, String spins, List<String> options, Path edited, boolean counts) throws IOException {
            List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx512m",
                    "-Dai.djl.offline=true", "-Dcalls=" + System.getProperty("calls"),
                    "-Djna.library.path=" + System.getProperty("jna.library.path", "")));
            if (counts) {
                command.addAll(List.of("-Djava.system.class.loader=" + CountingLoader.class.getName(), "-Xshare:off"));
            }
            command.addAll(List.of("-cp", classPath, Windows.class.getName()));
            command.addAll(options);
            command.add("edited=" + edited);
            ProcessBuilder builder = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
            if (spins != null) {
                builder.environment().put("GOMP_SPINCOUNT", spins);
            }
            process = builder.start();
            results = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
            turns = new BufferedWriter(new OutputStreamWriter(process.getOutputStream(), StandardCharsets.US_ASCII));
        }

        Windows.Result turn() throws IOException {
            turns.write('\n');
            turns.flush();
            String line = results.readLine();
            if (line == null) {
                throw new IOException("the engine ended before its turn; its message is above");
            }
            return new Gson().fromJson(line, Windows.Result.class);
        }

        @Override
        public void close() throws IOException {
            try (turns; results) {
                turns.flush();
            }
            try {
                process.waitFor();
            } catch (InterruptedException e) {
                process.destroy();
                Thread.currentThread().interrupt();
            }
        }
    }
}
