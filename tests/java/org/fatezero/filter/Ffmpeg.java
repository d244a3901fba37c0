package org.fatezero.filter;

import java.io.File;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

/**
 * The ffmpeg that the project builds, run as a user runs it.
 *
 * @param environment beside the test's own; FATEZERO_HOME chooses between the engine and its stub
 */
record Ffmpeg(Map<String, String> environment) {
    /** {@code -Dffmpeg.bin=} names another build, say of another FFmpeg version. */
    private static final Path BIN = Path.of(System.getProperty("ffmpeg.bin", "build/ffmpeg/bin")).toAbsolutePath();

    /** The engine itself, found by its place. */
    static final Ffmpeg REAL = new Ffmpeg(Map.of());

    /** The stub engine of tests/jni/stub: the negative of each frame, in an instant. */
    static final Ffmpeg STUB = with("FATEZERO_HOME", Path.of("build/stub").toAbsolutePath().toString());

    static Ffmpeg with(String variable, String value) {
        return new Ffmpeg(Map.of(variable, value));
    }

    Ffmpeg and(String variable, String value) {
        Map<String, String> more = new HashMap<>(environment);
        more.put(variable, value);
        return new Ffmpeg(more);
    }

    /** What a process may bring before it is killed: no test needs as much, and one that never ends brings more. */
    private static final int OUT_LIMIT = 256 << 20;
    private static final int LOG_LIMIT = 4 << 20;

    private static final int TAIL = 4000; // characters

    static {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> ProcessHandle.current().children().forEach(ProcessHandle::destroyForcibly)));
    }

    /** The end of a log, for the message of a failure. */
    static String tail(CharSequence log) {
        return log.length() <= TAIL ? log.toString() : "… " + log.subSequence(log.length() - TAIL, log.length());
    }

    /** What a finished process left behind. */
    record Result(int status, byte[] out, String log, double seconds) {
        /** The end of the log. */
        String tail() {
            return Ffmpeg.tail(log);
        }

        List<String> lines() {
            return new String(out, StandardCharsets.UTF_8).lines().toList();
        }

        Result succeeded() {
            assertEquals(0, status, this::tail);
            return this;
        }
    }

    /** A process under way, its output being gathered. */
    record Running(Process process, CompletableFuture<byte[]> out, StringBuffer log, Thread reader, long start) {
        /** Waits until the log holds the text. */
        void await(String text) throws InterruptedException {
            for (int i = 0; i < 2400 && process.isAlive() && log.indexOf(text) < 0; i++)
                Thread.sleep(50);
            if (!process.isAlive())
                reader.join();
            if (log.indexOf(text) < 0) {
                process.destroyForcibly();
                fail("no \"" + text + "\" in " + tail(log));
            }
        }

        void signal(String name) throws IOException, InterruptedException {
            new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).inheritIO().start().waitFor();
        }

        /** A count of Linux's: {@code VmHWM} is the most memory that was resident so far, {@code VmData} what may be written to. */
        long kib(String count) throws IOException {
            return Files.readAllLines(Path.of("/proc/" + process.pid() + "/status")).stream()
                .filter(line -> line.startsWith(count + ":"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", ""))).findFirst().orElseThrow();
        }

        Result finish() throws InterruptedException {
            if (!process.waitFor(300, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                fail("still running after 300 s: " + tail(log));
            }
            reader.join();
            assertTrue(log.length() < LOG_LIMIT && out.join().length < OUT_LIMIT, () -> "killed, as it wrote without end: " + tail(log));
            return new Result(process.exitValue(), out.join(), log.toString(), (System.nanoTime() - start) / 1e9);
        }
    }

    /** Starts ffmpeg; a command's words are separated by blanks, {@code more} are taken as they are. */
    Running start(String command, String... more) throws IOException {
        return start("ffmpeg", words("-hide_banner -nostdin -y " + command, more));
    }

    Result run(String command, String... more) {
        return finished(() -> start(command, more));
    }

    /** Under a limit as the shell's ulimit takes it, such as {@code -n 20}. */
    Result runWithin(String limit, String command, String... more) {
        List<String> words = new ArrayList<>(List.of("-c", "ulimit " + limit + "; exec \"$0\" \"$@\"", BIN.resolve("ffmpeg").toString()));
        words.addAll(words("-hide_banner -nostdin -y " + command, more));
        return finished(() -> start("/bin/sh", words));
    }

    private static Result finished(Callable<Running> start) {
        try {
            return start.call().finish();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    Result probe(String command, String... more) throws IOException, InterruptedException {
        return start("ffprobe", words("-v error " + command, more)).finish();
    }

    /** Lines of framemd5: stream, dts, pts, duration, size, hash; without its header. */
    List<String> frames(String command, String... more) {
        List<String> arguments = new ArrayList<>(Arrays.asList(more));
        arguments.addAll(List.of("-fps_mode", "passthrough", "-f", "framemd5", "-"));
        return run(command, arguments.toArray(String[]::new)).succeeded().lines().stream()
            .filter(line -> !line.startsWith("#")).toList();
    }

    /** All but the hash. */
    static List<String> times(List<String> frames) {
        return frames.stream().map(line -> line.substring(0, line.lastIndexOf(','))).toList();
    }

    private static List<String> words(String command, String... more) {
        List<String> words = Arrays.stream(command.split(" +")).collect(Collectors.toCollection(ArrayList::new));
        words.addAll(List.of(more));
        return words;
    }

    private Running start(String program, List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(BIN.resolve(program).toString()));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectInput(new File("/dev/null"));
        builder.environment().putAll(environment);
        long start = System.nanoTime();
        Process process = builder.start();
        StringBuffer log = new StringBuffer();
        Thread reader = new Thread(() -> read(process, log));
        reader.start();
        return new Running(process, CompletableFuture.supplyAsync(() -> output(process)), log, reader, start);
    }

    private static void read(Process process, StringBuffer log) {
        char[] part = new char[1 << 13];
        try (Reader errors = process.errorReader(StandardCharsets.UTF_8)) {
            for (int n = errors.read(part); n > 0 && log.length() < LOG_LIMIT; n = errors.read(part))
                log.append(part, 0, n);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        if (log.length() >= LOG_LIMIT)
            process.destroyForcibly();
    }

    private static byte[] output(Process process) {
        try {
            byte[] bytes = process.getInputStream().readNBytes(OUT_LIMIT);
            if (bytes.length == OUT_LIMIT)
                process.destroyForcibly();
            return bytes;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
