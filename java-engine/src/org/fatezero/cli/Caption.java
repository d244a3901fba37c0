package org.fatezero.cli;

import com.google.gson.GsonBuilder;

import org.fatezero.caption.Captioner;
import org.fatezero.caption.Captioners;
import org.fatezero.io.Log;
import org.fatezero.video.Frame;
import org.fatezero.video.Video;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

/** {@code fatezero caption}: what the filter takes for {@code source} where nobody says. */
@Command(name = "caption", description = {"Describe a video by its first frame.",
    "The filter does so by each shot's anchor, where its option source is not set."})
final class Caption implements Callable<Integer> {

    @Spec
    private CommandSpec spec;

    @Option(names = "--model", paramLabel = "<model>", defaultValue = "pocket",
            description = "The model that is to edit the video: a captioner of its own is taken. Default: ${DEFAULT-VALUE}.")
    private String model;

    @Option(names = "--captioner", paramLabel = "<folder>", defaultValue = "auto",
            description = "A BLIP captioning model: a folder in the transformers layout, or a name in the local hub cache. Default: the "
                    + "model's own, or a BLIP in that cache.")
    private String captioner;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    @Parameters(paramLabel = "<video>", description = "A video or a picture.")
    private Path video;

    @Override
    public Integer call() throws IOException {
        Log log = (level, message) -> spec.commandLine().getErr().println(message);
        try (Captioner opened = Captioners.open(captioner, model, log).orElseThrow(() -> new IOException(Captioners.missing(model)))) {
            List<Frame> first = Video.read(video, 1);
            if (first.isEmpty()) {
                throw new IOException(video + ": has no frame");
            }
            String caption = opened.caption(first.get(0));
            spec.commandLine().getOut().println(json ? asJson(caption) : caption);
        }
        return 0;
    }

    private String asJson(String caption) {
        Map<String, String> report = new LinkedHashMap<>();
        report.put("video", video.toString());
        report.put("caption", caption);
        return new GsonBuilder().disableHtmlEscaping().setPrettyPrinting().create().toJson(report);
    }
}
