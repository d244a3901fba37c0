package org.fatezero.engine;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Stands in for the engine where only the way to it is tested: its edit is the negative of each frame, in an instant; of
 * several {@code presets} the second adds 1 to it, the third 2, and so on. {@code show=compare} puts it beside the frame,
 * {@code show=mixed} so the second and later ones. Where a mask is 0 the frame stays as it is.
 * {@code source="throw CLASS MESSAGE"} makes open throw, {@code prompt="throw CLASS MESSAGE"} makes edit throw,
 * {@code prompt="sleep MILLISECONDS"} makes each of its steps last; {@code source="start MILLISECONDS"} makes open last before its
 * first step, {@code source="load MILLISECONDS"} each of its ten steps.
 */
public final class Engine implements AutoCloseable {
    private static final AtomicInteger opened = new AtomicInteger();
    private static final AtomicInteger open = new AtomicInteger();
    private static final AtomicInteger mostOpen = new AtomicInteger();

    private final Map<String, String> options;
    private final Host host;
    private final int window;
    private final int steps;
    private final String[] presets;
    private final int number = opened.incrementAndGet();
    private boolean isClosed;
    private int shot;
    private String anchor = "";
    private String mix = "";

    private Engine(Map<String, String> options, Host host) {
        this.options = options;
        this.host = host;
        this.presets = options.getOrDefault("presets", options.getOrDefault("preset", "")).split("\\|", -1);
        this.window = number("window", 8, 128);
        this.steps = number("steps", 50, 1000);
        mostOpen.accumulateAndGet(open.incrementAndGet(), Math::max);
    }

    private int number(String key, int fallback, int most) {
        int number = Integer.parseInt(options.getOrDefault(key, Integer.toString(fallback)));
        if (number < 1 || number > most)
            throw new IllegalArgumentException(key + "=" + number);
        return number;
    }

    public static Engine open(byte[][] options, long host) throws IOException {
        Map<String, String> map = new LinkedHashMap<>();
        for (int i = 0; i < options.length; i += 2)
            map.put(new String(options[i], StandardCharsets.UTF_8), new String(options[i + 1], StandardCharsets.UTF_8));
        Engine engine = new Engine(map, new NativeHost(host));
        engine.obey(map.get("source"));
        engine.load(map.getOrDefault("source", ""));
        engine.host.log(Host.VERBOSE, "stub engine " + engine.number + ", libtorch "
            + System.getProperty("PYTORCH_LIBRARY_PATH") + " " + System.getProperty("PYTORCH_FLAVOR"));
        engine.host.log(Host.VERBOSE, "options " + map);
        if (engine.number == 1)
            System.out.println("what Java prints must not reach the host's standard output");
        return engine;
    }

    /** Goes on with other options. */
    public Engine change(byte[][] options, long host) throws IOException {
        Engine engine = open(options, host);
        engine.shot = shot;
        engine.anchor = anchor;
        return engine;
    }

    public int window() {
        return window;
    }

    public int edits() {
        return presets.length;
    }

    public int panels(int edit) {
        String show = options.getOrDefault("show", "");
        return show.equals("compare") || show.equals("mixed") && edit > 0 ? 2 : 1;
    }

    public void beginShot() {
        shot++;
        anchor = "";
    }

    public void beginShot(ByteBuffer frame, int stride, int width, int height, int depth) {
        shot++;
        anchor = width + "x" + height + " of " + depth + " bits, " + frame.capacity() + " bytes in rows of " + stride
            + ", the first " + Byte.toUnsignedInt(frame.get(0));
    }

    public void mix(double[] shares) {
        if (options.getOrDefault("prompt2", "").isEmpty() && Arrays.stream(shares).anyMatch(share -> share != 0))
            throw new IllegalArgumentException("no prompt2");
        mix = Arrays.toString(shares);
    }

    public void edit(ByteBuffer[] source, int[] sourceStride, ByteBuffer[] target, int[] targetStride,
                     int width, int height, int depth) throws IOException {
        edit(source, sourceStride, null, null, null, target, targetStride, width, height, depth);
    }

    public void edit(ByteBuffer[] source, int[] sourceStride, ByteBuffer[] mask, int[] maskStride, int[] maskSize,
                     ByteBuffer[] target, int[] targetStride, int width, int height, int depth) throws IOException {
        if (isClosed)
            throw new IllegalStateException("closed");
        if (source.length > window)
            throw new IllegalStateException(source.length + " frames in a window of " + window);
        for (String phase : new String[] {"encode", "invert", "edit", "decode"}) {
            for (int step = 0; step <= steps; step++) {
                if (!host.step(phase, step, steps))
                    throw new CancellationException("cancelled while " + phase);
                if (step == steps / 2 && phase.equals("edit"))
                    obey(options.get("prompt"));
                sleep(options.get("prompt"));
            }
        }
        if (target.length != presets.length * source.length)
            throw new IllegalStateException(target.length + " targets");
        for (int i = 0; i < source.length; i++)
            requireRows(source[i], sourceStride[i], height, 3 * width * depth / 8);
        for (int i = 0; mask != null && i < mask.length; i++)
            requireRows(mask[i], maskStride[i], maskSize[2 * i + 1], maskSize[2 * i]);
        for (int i = 0; i < target.length; i++)
            requireRows(target[i], targetStride[i], height, 3 * width * depth / 8 * panels(i / source.length));
        for (int p = presets.length - 1; p >= 0; p--)   // the first may be in place
            for (int i = 0; i < source.length; i++)
                for (int y = 0; y < height; y++)
                    for (int x = 0; x < 3 * width; x++)
                        paint(source[i], y * sourceStride[i], target[p * source.length + i], y * targetStride[p * source.length + i], x,
                            3 * width * (panels(p) - 1), depth, p,
                            mask == null || mask[i].get(y * maskSize[2 * i + 1] / height * maskStride[i]
                                + x / 3 * maskSize[2 * i] / width) != 0);
    }

    /** No more memory than the rows, the last of them without what lies behind it. */
    private static void requireRows(ByteBuffer buffer, int stride, int height, int row) {
        if (buffer.capacity() != stride * (height - 1) + row)
            throw new IllegalStateException(buffer.capacity() + " bytes for " + height + " rows of " + row + ", " + stride + " apart");
    }

    /** The source's sample at x of its row as it is, and its negative so many samples to the right. */
    private static void paint(ByteBuffer source, int from, ByteBuffer target, int to, int x, int right, int depth, int added,
        boolean edited) {
        if (depth == 8) {
            byte sample = source.get(from + x);
            target.put(to + x, sample);
            target.put(to + x + right, edited ? (byte) (~sample + added) : sample);
        } else {
            short sample = nativeOrder(source).getShort(from + 2 * x);
            nativeOrder(target).putShort(to + 2 * x, sample);
            target.putShort(to + 2 * (x + right), edited ? (short) (~sample + added) : sample);
        }
    }

    private static ByteBuffer nativeOrder(ByteBuffer buffer) {
        return buffer.order(ByteOrder.nativeOrder());
    }

    public byte[][] metadata(int edit) {
        return new byte[][] {bytes("prompt"), bytes(options.getOrDefault("prompt", "")),
            bytes("preset"), bytes(presets[edit]), bytes("opened"), bytes(Integer.toString(opened.get())),
            // the host's that are still attached
            bytes("threads"),
            bytes(Long.toString(Thread.getAllStackTraces().keySet().stream().filter(t -> t.getName().equals("fatezero")).count())),
            bytes("shots"), bytes(Integer.toString(shot)), bytes("anchor"), bytes(anchor),
            bytes("mixed"), bytes(mix), bytes("most_open"), bytes(mostOpen.toString())};
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
        if (!isClosed)
            open.decrementAndGet();
        isClosed = true;
    }

    private void load(String command) {
        if (!command.startsWith("start ") && !command.startsWith("load "))
            return;
        host.log(Host.VERBOSE, "the stub starts");
        if (command.startsWith("start "))
            sleep(command.replace("start", "sleep"));
        for (int step = 0; step <= 10; step++) {
            if (!host.step("load", step, 10))
                throw new CancellationException("cancelled while loading");
            host.log(Host.VERBOSE, "the stub has loaded " + step);
            if (command.startsWith("load "))
                sleep(command.replace("load", "sleep"));
        }
    }

    private void sleep(String command) {
        if (command == null || !command.startsWith("sleep "))
            return;
        try {
            Thread.sleep(Long.parseLong(command.substring(6)));
        } catch (InterruptedException e) {
            throw new CancellationException();
        }
    }

    private void obey(String command) throws IOException {
        if (command == null || !command.startsWith("throw "))
            return;
        String[] words = command.split(" ", 3);
        switch (words[1]) {
            case "IllegalArgumentException" -> throw new IllegalArgumentException(words[2]);
            case "NumberFormatException" -> throw new NumberFormatException(words[2]);
            case "NoSuchFileException" -> throw new NoSuchFileException(words[2]);
            case "FileNotFoundException" -> throw new FileNotFoundException(words[2]);
            case "IOException" -> throw new IOException(words[2]);
            case "CancellationException" -> throw new CancellationException(words[2]);
            case "OutOfMemoryError" -> throw new OutOfMemoryError(words[2]);
            case "IllegalStateException" -> throw new IllegalStateException(words[2]);
            case "NoMessage" -> throw new IllegalArgumentException();
            default -> throw new AssertionError("no such exception: " + words[1]);
        }
    }
}
