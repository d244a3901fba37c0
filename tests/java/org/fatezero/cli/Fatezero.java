package org.fatezero.cli;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import static org.junit.jupiter.api.Assertions.assertTrue;

/** The program that the project builds, run as a user runs it. */
final class Fatezero {

    static final Path PROGRAM = Path.of("build/ffmpeg/bin/fatezero").toAbsolutePath();

    /** What a finished process left behind. */
    record Result(int status, String out, String errors) {
    }

    private Fatezero() {
    }

    static Result run(String... arguments) throws IOException, InterruptedException {
        return run(PROGRAM, Map.of(), arguments);
    }

    /** @param environment beside the test's own */
    static Result run(Path program, Map<String, String> environment, String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(program.toString()));
        command.addAll(List.of(arguments));
        Path out = Files.createTempFile("fatezero", ".out");
        Path errors = Files.createTempFile("fatezero", ".err");
        ProcessBuilder builder = new ProcessBuilder(command).redirectInput(new File("/dev/null"))
                .redirectOutput(out.toFile()).redirectError(errors.toFile());
        // the libraries that the tests use are the launcher's to find
        builder.environment().keySet()
                .removeIf(name -> name.matches("PYTORCH_.*|RUST_LIBRARY_PATH|OMP_WAIT_POLICY|GOMP_SPINCOUNT|FATEZERO_.*"));
        builder.environment().putAll(environment);
        try {
            Process process = builder.start();
            boolean ended = process.waitFor(60, TimeUnit.SECONDS);
            process.destroyForcibly().waitFor();
            assertTrue(ended, "still running after 60 s");
            return new Result(process.exitValue(), Files.readString(out), Files.readString(errors));
        } finally {
            Files.delete(out);
            Files.delete(errors);
        }
    }
}
