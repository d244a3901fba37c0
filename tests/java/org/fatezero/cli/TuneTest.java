package org.fatezero.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.fatezero.tensor.SafeTensors;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

@Tag("filter")
class TuneTest {

    private static final String CLIP = "tests/media/jeep.mp4";

    @TempDir
    Path folder;

    private Fatezero.Result tune(String... more) throws Exception {
        List<String> command = new ArrayList<>(List.of("tune", "--input", CLIP, "--source", "a red jeep",
                "--out", folder.resolve("out").toString(), "--size", "64", "--frames", "2"));
        command.addAll(List.of(more));
        return Fatezero.run(command.toArray(String[]::new));
    }

    @Test
    void theFilterEditsWithWhatItWrote() throws Exception {
        Fatezero.Result result = tune("--steps", "2");
        assertEquals(0, result.status(), result.errors());
        assertEquals("", result.out());
        assertTrue(result.errors().matches("(?s).*tuning 100% .* 2/2 .* loss 0\\.\\d{4}.*"), result.errors());
        assertTrue(Files.exists(folder.resolve("out/captioner/model.safetensors")),
                "it describes its clips as the model does that it was made of");
        result = tune("--steps", "3", "--resume");
        assertEquals(0, result.status(), result.errors());
        assertTrue(result.errors().contains("3/3"), result.errors());
        result = Fatezero.run(Fatezero.PROGRAM.resolveSibling("ffmpeg"), Map.of(), "-v", "error", "-i", CLIP, "-frames:v", "2", "-vf",
                "fatezero=preset=swap-object:source=a red jeep:from=jeep:to=train:window=2:steps=2:model=" + folder.resolve("out"),
                "-f", "null", "-");
        assertEquals(0, result.status(), result.errors());
    }

    @Test
    void anInterruptionIsSaved() throws Exception {
        File log = folder.resolve("log").toFile();
        Process process = new ProcessBuilder(Fatezero.PROGRAM.toString(), "tune", "--input", CLIP, "--source", "a red jeep", "--out",
                folder.resolve("out").toString(), "--size", "64", "--frames", "2", "--steps", "100000").redirectError(log).start();
        process.onExit().completeOnTimeout(null, 120, TimeUnit.SECONDS).thenAccept(end -> process.destroyForcibly());
        while (process.isAlive() && !Files.readString(log.toPath()).contains("loss")) {
            Thread.sleep(50);
        }
        process.destroy();
        assertTrue(process.waitFor(60, TimeUnit.SECONDS), "still running");
        assertFalse(Files.readString(log.toPath()).contains("SIGSEGV"));
        try (SafeTensors state = new SafeTensors(folder.resolve("out/tuning.safetensors"))) {
            int saved = Integer.parseInt(state.metadata().get("iterations"));
            assertTrue(saved > 0 && saved < 100000, saved + " iterations");
        }
    }

    @Test
    void whatIsWrongIsOneLine() throws Exception {
        Fatezero.Result result = tune("--batch", "3");
        assertEquals(2, result.status());
        assertEquals("fatezero tune: batch=3: the clip has 2 frames\n", result.errors());
        result = tune("--norm", "batch");
        assertEquals(2, result.status());
        assertEquals("fatezero tune: norm=batch: expected frame or window\n", result.errors());
        result = tune("--model", "nobody/none");
        assertEquals(1, result.status());
        assertTrue(result.errors().startsWith("fatezero tune: model=nobody/none: not found; looked for "), result.errors());
        assertEquals(1, result.errors().lines().count(), result.errors());
        assertFalse(Files.exists(folder.resolve("out")));
    }
}
