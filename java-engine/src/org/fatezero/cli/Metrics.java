package org.fatezero.cli;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;

import org.fatezero.clip.Clip;
import org.fatezero.metrics.ClipScores;
import org.fatezero.metrics.Fidelity;
import org.fatezero.text.Prompt;
import org.fatezero.video.Frame;
import org.fatezero.video.Video;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;

/** {@code fatezero metrics}: reads an edited video and, beside it, what it is measured against. */
@Command(name = "metrics", description = {"Measure an edited video.", "With --clip: Tem-Con, how alike CLIP finds consecutive frames, and "
        + "Frame-Acc, the share of frames that it finds nearer to the prompt than to the source prompt. With --input: PSNR and SSIM to the "
        + "video that was edited, with --mask also inside and outside of the region that was to change."})
final class Metrics implements Callable<Integer> {

    private static final int BATCH = 8; // frames that CLIP looks at together

    /** What is told of a video; null, and absent from the JSON, where it was not asked for or cannot be told. */
    private record Report(String edited, int frames, Double temCon, Double frameAcc, Fidelity.Figures whole, Fidelity.Figures inside,
            Fidelity.Figures outside) {
    }

    @Spec
    private CommandSpec spec;

    @Option(names = "--clip", paramLabel = "<folder>",
            description = "A CLIP model in the transformers layout, ViT-B/32 for the paper's numbers.")
    private Path clip;

    @Option(names = "--source", paramLabel = "<text>", description = "What the video showed before.")
    private String source;

    @Option(names = "--prompt", paramLabel = "<text>", description = "What it is to show.")
    private String prompt;

    @Option(names = "--input", paramLabel = "<video>", description = "The video that was edited, with as many frames, of the same size.")
    private Path input;

    @Option(names = "--mask", paramLabel = "<video>",
            description = "White where it was to change: a video with as many frames, or one picture.")
    private Path mask;

    @Option(names = "--json", paramLabel = "<file>", description = "Write the figures there as well.")
    private Path json;

    @Parameters(paramLabel = "<edited>", description = "The edited video.")
    private Path edited;

    @Override
    public Integer call() throws IOException {
        require(clip != null || input != null, "--clip or --input is missing");
        require((source == null) == (prompt == null), "--source and --prompt need each other");
        require(clip != null || prompt == null, "--source and --prompt need --clip");
        require(input != null || mask == null, "--mask needs --input");
        require(json == null || !Files.isDirectory(json), "--json " + json + ": a folder; a file is expected");
        require(json == null || Files.isDirectory(json.toAbsolutePath().getParent()), "--json " + json + ": no such folder");
        Report report = measure();
        print(report);
        if (json != null) {
            Gson gson = new GsonBuilder().setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES).setPrettyPrinting().create();
            Files.writeString(json, gson.toJson(report) + "\n");
        }
        return 0;
    }

    private void require(boolean right, String message) {
        if (!right) {
            throw new ParameterException(spec.commandLine(), message);
        }
    }

    private Report measure() throws IOException {
        Frame still = still();
        try (Clip model = clip == null ? null : new Clip(clip);
                Video video = new Video(edited);
                Video before = input == null ? null : new Video(input);
                Video region = mask == null || still != null ? null : new Video(mask)) {
            ClipScores scores = prompt == null ? new ClipScores(null, null)
                    : new ClipScores(text(model, "--source", source), text(model, "--prompt", prompt));
            Fidelity fidelity = new Fidelity();
            List<Frame> batch = new ArrayList<>();
            int frames = 0;
            for (Frame frame; (frame = video.next()) != null; frames++) {
                if (before != null) {
                    fidelity.add(beside(before, input, frame, frames), frame, mask == null ? null : region(still, region, frame, frames));
                }
                batch.add(frame);
                if (batch.size() == BATCH) {
                    score(model, batch, scores);
                }
            }
            score(model, batch, scores);
            requireEnd(before, input, frames);
            requireEnd(region, mask, frames);
            return new Report(edited.toString(), frames, scores.temCon(), scores.frameAcc(), before == null ? null : fidelity.whole(),
                    mask == null ? null : fidelity.inside(), mask == null ? null : fidelity.outside());
        }
    }

    private static float[] text(Clip model, String option, String text) {
        Prompt encoded = model.encode(text);
        if (!encoded.cut().isEmpty()) {
            System.err.println(option + " is too long for the text encoder, which does not see: " + encoded.unseen());
        }
        return model.text(encoded);
    }

    /** The region that was to change in a frame: of the mask's own frame, or of the one picture that it is. */
    private Frame region(Frame still, Video region, Frame frame, int index) throws IOException {
        return still != null ? same(still, mask, frame) : beside(region, mask, frame, index);
    }

    /** The mask, if it is a picture. */
    private Frame still() throws IOException {
        List<Frame> first = mask == null ? List.of() : Video.read(mask, 2);
        return first.size() == 1 ? first.get(0) : null;
    }

    private static void score(Clip model, List<Frame> batch, ClipScores scores) {
        if (model != null && !batch.isEmpty()) {
            for (float[] vector : model.images(batch)) {
                scores.add(vector);
            }
        }
        batch.clear();
    }

    /** The frame of another video that belongs to {@code frame}, the {@code index}-th. */
    private Frame beside(Video video, Path file, Frame frame, int index) throws IOException {
        Frame other = video.next();
        if (other == null) {
            throw new IOException(file + ": ends after " + index + " frames and " + edited + " does not; as many are expected");
        }
        return same(other, file, frame);
    }

    private Frame same(Frame other, Path file, Frame frame) throws IOException {
        if (!other.size().equals(frame.size())) {
            throw new IOException(file + ": its frames are " + other.size() + ", those of " + edited + " " + frame.size()
                    + "; the same size is expected");
        }
        return other;
    }

    private void requireEnd(Video video, Path file, int frames) throws IOException {
        if (video != null && video.next() != null) {
            throw new IOException(edited + ": ends after " + frames + " frames and " + file + " does not; as many are expected");
        }
    }

    private void print(Report report) {
        line("frames", report.frames);
        if (report.temCon != null) {
            line("Tem-Con", format("%.4f", report.temCon));
        }
        if (report.frameAcc != null) {
            line("Frame-Acc", format("%.4f", report.frameAcc));
        }
        if (report.whole != null) {
            line("", format("%10s%10s", "PSNR, dB", "SSIM"));
            figures("whole", report.whole);
        }
        if (report.inside != null) {
            figures("inside", report.inside);
            figures("outside", report.outside);
        }
    }

    private void figures(String name, Fidelity.Figures figures) {
        line(name, format("%10s%10s", figures.psnr() == null ? "-" : format("%.2f", figures.psnr()),
                figures.ssim() == null ? "-" : format("%.4f", figures.ssim())));
    }

    private void line(String name, Object value) {
        spec.commandLine().getOut().println(format("%-10s%10s", name, value));
    }

    private static String format(String pattern, Object... values) {
        return String.format(Locale.ROOT, pattern, values);
    }
}
