package org.fatezero.cli;

import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

import org.fatezero.tune.Tuning;
import org.fatezero.video.Frame;
import org.fatezero.video.Video;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;

/** {@code fatezero tune}. */
@Command(name = "tune", sortOptions = false,
        description = "Tunes a model on a clip, so that its shapes can be edited in it: Tune-A-Video's recipe.")
final class Tune implements Callable<Integer> {

    private static final double RATE = 3e-5;
    private static final double POCKET_RATE = 3e-4; // of 3e-5, 3e-4 and 1e-3 it kept most of three training scenes without harming others
    private static final int SAVE_EVERY = 50;
    private static final int WIDTH = 100;
    private static final double SMOOTHING = 0.05; // share of each iteration in the loss that is shown

    @Spec
    private CommandSpec spec;

    @Option(names = "--input", required = true, paramLabel = "<file>",
            description = "The clip: a video, of which the first frames are taken.")
    private Path input;

    @Option(names = "--source", required = true, paramLabel = "<text>", description = "What it shows, as the filter's source= will say.")
    private String source;

    @Option(names = "--out", required = true, paramLabel = "<folder>", description = "Where the model is written: for the filter's model=.")
    private Path out;

    @Option(names = "--model", defaultValue = "pocket", paramLabel = "<model>",
            description = "What to begin with: pocket, a folder or a name in the hub's cache. Default: ${DEFAULT-VALUE}.")
    private String model;

    @Option(names = "--device", defaultValue = "auto", paramLabel = "<device>",
            description = "auto, cpu, cuda or cuda:N. Default: ${DEFAULT-VALUE}.")
    private String device;

    @Option(names = "--frames", defaultValue = "8", paramLabel = "<n>", description = "Frames of the clip. Default: ${DEFAULT-VALUE}.")
    private int frames;

    @Option(names = "--batch", defaultValue = "0", paramLabel = "<n>",
            description = "Frames of each iteration, consecutive ones: fewer take less memory. Default: all.")
    private int batch;

    @Option(names = "--size", defaultValue = "0", paramLabel = "<n>",
            description = "Short side that they are brought to, in pixels. Default: the model's own.")
    private int size;

    @Option(names = "--steps", defaultValue = "100", paramLabel = "<n>",
            description = "Iterations, from the first on. Default: ${DEFAULT-VALUE}.")
    private int steps;

    @Option(names = "--learning_rate", paramLabel = "<x>", description = "Default: Tune-A-Video's 3e-5, and for pocket 3e-4.")
    private Double rate;

    @Option(names = "--keys", defaultValue = "-1+first", paramLabel = "<frames>",
            description = "Frames that self-attention sees, as the filter's keys=. Default: ${DEFAULT-VALUE}.")
    private String keys;

    @Option(names = "--keys_at", defaultValue = "32", paramLabel = "<n>",
            description = "The filter's keys_at=: cells, or 640ch. Default: ${DEFAULT-VALUE}.")
    private String keysAt;

    @Option(names = "--norm", defaultValue = "frame", paramLabel = "<norm>",
            description = "The filter's norm=: frame or window. Default: ${DEFAULT-VALUE}.")
    private String norm;

    @Option(names = "--seed", defaultValue = "0", paramLabel = "<n>", description = "Of all that is random. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(names = "--resume", description = "Go on in a folder where a tuning was begun. It is saved every " + SAVE_EVERY
            + " iterations, and when it is interrupted.")
    private boolean resume;

    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean interrupted;

    @Override
    public Integer call() throws IOException {
        if (frames < 1 || frames > 128 || steps < 1) {
            throw new ParameterException(spec.commandLine(), "--frames is 1 to 128 and --steps at least 1");
        }
        List<Frame> clip = Video.read(input, frames);
        double usual = model.equals("pocket") ? POCKET_RATE : RATE;
        Tuning.Settings settings = new Tuning.Settings(model, source, device, size, batch, rate == null ? usual : rate,
                keys, keysAt, norm, seed);
        // libtorch does not survive the end of its process while it computes: an interruption waits for the iteration, and saves it
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            interrupted = true;
            try {
                ended.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        try (Tuning tuning = new Tuning(settings, clip, out, resume)) {
            if (!tuning.unseen().isEmpty()) {
                System.err.println("--source is too long for the text encoder, which does not see: " + tuning.unseen());
            }
            run(tuning);
        } finally {
            ended.countDown();
        }
        return 0;
    }

    private void run(Tuning tuning) throws IOException {
        // a width of its own, so that no terminal is asked for one
        try (ProgressBar bar = new ProgressBarBuilder().setTaskName("tuning").setInitialMax(steps)
                .startsFrom(tuning.iterations(), Duration.ZERO).setStyle(ProgressBarStyle.ASCII)
                .setConsumer(new ConsoleProgressBarConsumer(System.err, WIDTH)).build()) {
            double smooth = Double.NaN;
            boolean saved = true;
            while (tuning.iterations() < steps && !interrupted) {
                double loss = tuning.iterate();
                smooth = Double.isNaN(smooth) ? loss : smooth + SMOOTHING * (loss - smooth);
                bar.setExtraMessage(String.format(Locale.ROOT, "loss %.4f", smooth)).step();
                saved = tuning.iterations() % SAVE_EVERY == 0;
                if (saved) {
                    tuning.save();
                }
            }
            if (!saved) {
                tuning.save();
            }
        }
    }
}
