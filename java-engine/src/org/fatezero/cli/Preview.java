package org.fatezero.cli;

import org.fatezero.engine.Engine;
import org.fatezero.engine.Host;
import org.fatezero.options.Presets;
import org.fatezero.video.Frame;
import org.fatezero.video.Video;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

/** {@code fatezero preview}: one frame, edited by several presets from one inversion, side by side. */
@Command(name = "preview", sortOptions = false,
        description = "Edit one frame of a video by several presets, and write all into one picture.")
final class Preview implements Callable<Integer> {

    private static final int MOST_FRAMES = 100_000;

    @Spec
    private CommandSpec spec;

    @Parameters(index = "0", paramLabel = "<video>", description = "A video or a picture.")
    private Path video;

    @Parameters(index = "1", paramLabel = "<picture>", description = "Where the sheet is written: a PNG.")
    private Path picture;

    @Option(names = "--preset", split = ",", paramLabel = "<name>",
            description = "Presets, joined by commas. Default: all that need no words.")
    private List<String> presets;

    @Option(names = "--frame", defaultValue = "0", paramLabel = "<n>",
            description = "Which frame, counted from 0. Default: ${DEFAULT-VALUE}.")
    private int frame;

    @Option(names = "--steps", defaultValue = "20", paramLabel = "<n>",
            description = "Steps of the inversion and of the edits. Default: ${DEFAULT-VALUE}.")
    private int steps;

    @Option(names = "--mask", paramLabel = "<picture>",
            description = "White where it may change, black where not: a picture, or a video of which that frame counts. Of any size.")
    private Path mask;

    @Option(names = "--set", paramLabel = "<option=value>",
            description = "Another option of the filter, for all of them: --set from=jeep --set to=cat.")
    private Map<String, String> further = new LinkedHashMap<>();

    @Override
    public Integer call() throws IOException {
        if (!picture.toString().endsWith(".png")) {
            throw new ParameterException(spec.commandLine(), picture + ": expected a name that ends in .png");
        }
        if (!Files.isDirectory(picture.toAbsolutePath().getParent())) { // told before an hour of work
            throw new ParameterException(spec.commandLine(), picture + ": no such folder");
        }
        if (further.containsKey("presets") || further.getOrDefault("edit", "").contains("|")) {
            throw new ParameterException(spec.commandLine(),
                    "--set presets=, and several of edit=: expected --preset=a,b for several edits");
        }
        if (presets == null) {
            presets = Presets.shipped().stream().filter(preset -> preset.takes().isEmpty()).map(Presets.Shipped::name).toList();
        }
        if (frame < 0 || frame > MOST_FRAMES) {
            throw new ParameterException(spec.commandLine(), "--frame is 0 to " + MOST_FRAMES);
        }
        Frame source = read(video);
        ContactSheet sheet = new ContactSheet();
        sheet.add("source", source);
        List<Frame> edited = edit(source);
        for (int i = 0; i < edited.size(); i++) {
            sheet.add(presets.get(i), edited.get(i));
        }
        sheet.write(picture);
        return 0;
    }

    private Frame read(Path file) throws IOException {
        try (Video frames = new Video(file)) {
            Frame found = frames.next();
            for (int i = 0; i < frame; i++) {
                Frame next = frames.next();
                if (next == null && i == 0 && file == mask) {
                    return found; // a picture is the mask of every frame
                }
                if (next == null) {
                    throw new IOException(file + ": has no frame " + frame + ", only " + (i + 1));
                }
                found = next;
            }
            return found;
        }
    }

    /** The frame as each preset leaves it. */
    private List<Frame> edit(Frame source) throws IOException {
        Map<String, String> options = new LinkedHashMap<>();
        options.put("presets", String.join("|", presets));
        options.put("steps", Integer.toString(steps));
        options.put("window", "1");
        options.put("keys", "self"); // whatever the presets say of other frames, there are none
        options.putAll(further);
        ByteBuffer[] masks = null;
        int[] maskStride = null;
        int[] maskSize = null;
        if (mask != null) {
            options.put("mask", "1");
            Frame region = read(mask);
            masks = new ByteBuffer[] {gray(region)};
            maskStride = new int[] {region.width()};
            maskSize = new int[] {region.width(), region.height()};
        }
        try (Engine engine = new Engine(options, new Told())) {
            ByteBuffer from = direct(source.rgb().length).put(source.rgb()).clear();
            ByteBuffer[] to = new ByteBuffer[presets.size()];
            for (int i = 0; i < to.length; i++) {
                to[i] = direct(engine.panels(i) * source.rgb().length);
            }
            int[] strides = new int[to.length];
            Arrays.setAll(strides, i -> 3 * source.width() * engine.panels(i));
            engine.edit(new ByteBuffer[] {from}, new int[] {3 * source.width()}, masks, maskStride, maskSize, to, strides,
                    source.width(), source.height(), 8);
            List<Frame> edited = new ArrayList<>();
            for (int i = 0; i < to.length; i++) {
                byte[] rgb = new byte[to[i].capacity()];
                to[i].clear().get(rgb);
                edited.add(new Frame(strides[i] / 3, source.height(), rgb));
            }
            return edited;
        }
    }

    /** Brightness alone, 8 bits a pixel. */
    private static ByteBuffer gray(Frame frame) {
        ByteBuffer gray = direct(frame.width() * frame.height());
        for (int i = 0; i < frame.rgb().length; i += 3) {
            int red = Byte.toUnsignedInt(frame.rgb()[i]);
            int green = Byte.toUnsignedInt(frame.rgb()[i + 1]);
            int blue = Byte.toUnsignedInt(frame.rgb()[i + 2]);
            gray.put((byte) Math.round(0.299 * red + 0.587 * green + 0.114 * blue)); // BT.601, as the filter's gray
        }
        return gray.clear();
    }

    private static ByteBuffer direct(int bytes) {
        return ByteBuffer.allocateDirect(bytes);
    }

    /** What the engine says goes to standard error; nobody cancels. */
    private final class Told implements Host {
        @Override
        public void log(int level, String message) {
            if (level <= INFO) {
                spec.commandLine().getErr().println(message);
            }
        }

        @Override
        public boolean step(String phase, int step, int steps) {
            return true;
        }
    }
}
