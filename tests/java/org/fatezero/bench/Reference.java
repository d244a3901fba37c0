package org.fatezero.bench;

import com.google.gson.Gson;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** The engine and the authors' code in turns: the same weights, clip, settings and machine. */
final class Reference {

    private static final int FRAMES = 8;
    private static final int[] SIDES = {128, 256};
    private static final int STEPS = 10;
    private static final int ROUNDS = 2;
    private static final String SOURCE = "a red jeep driving down a curvy road in the countryside";

    /**
     * @param side of the frames, in pixels
     * @param ours of each round in single precision, {@code auto} as the engine chooses itself, {@code theirs} likewise
     * @param single ours to theirs, {@code chosen} what the engine chooses to theirs
     */
    record Result(int side, List<Job.Result> ours, List<Job.Result> auto, List<Job.Result> theirs, Ratio single, Ratio chosen) {
    }

    /**
     * @param timesAsFast their least time for a window over our least
     * @param memoryShare our least peak above the loaded process over their least
     * @param psnr of our frames against theirs, dB
     */
    record Ratio(double timesAsFast, double memoryShare, double psnr) {
    }

    private Reference() {
    }

    static List<Result> compare(String folder, String python) throws IOException, InterruptedException {
        List<Result> results = new ArrayList<>();
        for (int side : SIDES) {
            System.out.printf("%d frames of %d pixels, %d steps%n", FRAMES, side, STEPS);
            results.add(compare(side, folder, python));
        }
        return results;
    }

    private static Result compare(int side, String folder, String python) throws IOException, InterruptedException {
        Path clip = Bench.OUT.resolve("clip.rgb");
        Path[] edited = {Bench.OUT.resolve("ours.rgb"), Bench.OUT.resolve("auto.rgb"), Bench.OUT.resolve("theirs.rgb")};
        Clip.make(clip, FRAMES, side);
        List<Job.Result> ours = new ArrayList<>();
        List<Job.Result> auto = new ArrayList<>();
        List<Job.Result> theirs = new ArrayList<>();
        for (int round = 0; round < ROUNDS; round++) {
            ours.add(print("ours", ours(side, "fp32", clip, edited[0])));
            auto.add(print("auto", ours(side, "auto", clip, edited[1])));
            theirs.add(print("theirs", new Gson().fromJson(Bench.lastLine(List.of(python, "tests/golden/bench.py", "--fatezero", folder,
                    "--model", "java-engine/pocket", "--clip", clip.toString(), "--edited", edited[2].toString(), "--frames", "" + FRAMES,
                    "--side", "" + side, "--steps", "" + STEPS, "--source", SOURCE)), Job.Result.class)));
        }
        return new Result(side, ours, auto, theirs, ratio("fp32", ours, edited[0], theirs, edited[2]),
                ratio(auto.get(0).precision(), auto, edited[1], theirs, edited[2]));
    }

    private static Job.Result ours(int side, String precision, Path clip, Path edited) throws IOException, InterruptedException {
        return Bench.job(List.of("frames=" + FRAMES, "side=" + side, "size=" + side, "steps=" + STEPS, "precision=" + precision,
                "device=cpu", "parity=1", "norm=window", "keys=mid", "source=" + SOURCE, "prompt=watercolor painting of " + SOURCE,
                "guidance=7.5", "emphasize=watercolor=10", "self_replace=0.8", "cross_replace=0.8", "clip=" + clip, "edited=" + edited));
    }

    private static Ratio ratio(String precision, List<Job.Result> ours, Path oursEdited, List<Job.Result> theirs, Path theirsEdited)
            throws IOException {
        Ratio ratio = new Ratio(least(theirs, Job.Result::window) / least(ours, Job.Result::window),
                least(ours, Job.Result::aboveLoaded) / least(theirs, Job.Result::aboveLoaded),
                Clip.psnr(Files.readAllBytes(oursEdited), Files.readAllBytes(theirsEdited)));
        System.out.printf(Locale.ROOT, "%s: %.2f times as fast, %.3f of the memory above the loaded process; frames agree to %.1f dB%n",
                precision, ratio.timesAsFast, ratio.memoryShare, ratio.psnr);
        return ratio;
    }

    private static double least(List<Job.Result> results, ToDoubleFunction<Job.Result> figure) {
        return results.stream().mapToDouble(figure).min().orElseThrow();
    }

    private static Job.Result print(String who, Job.Result job) {
        System.out.printf(Locale.ROOT, "%-7s start %5.1f s, window %6.2f s %s, %5.0f MiB loaded, %6.0f MiB above%n", who, job.start(),
                job.window(), job.seconds(), job.loaded(), job.aboveLoaded());
        return job;
    }
}
