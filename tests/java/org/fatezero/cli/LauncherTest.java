package org.fatezero.cli;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

@Tag("filter")
class LauncherTest {

    @Test
    void tellsItsVersionAndItsOptions() throws Exception {
        Fatezero.Result version = Fatezero.run("--version");
        assertEquals(0, version.status(), version.errors());
        assertTrue(version.out().matches("fatezero \\d+\\.\\d+\\.\\d+\n"), version.out());
        Fatezero.Result help = Fatezero.run("--help");
        assertEquals(0, help.status(), help.errors());
        assertTrue(help.out().startsWith("Usage: fatezero "), help.out());
        assertEquals("", help.errors());
    }

    @Test
    void anUnknownSubcommandIsOneLine() throws Exception {
        Fatezero.Result result = Fatezero.run("frobnicäte");
        assertEquals(2, result.status());
        assertEquals("", result.out());
        assertEquals(1, result.errors().lines().count(), result.errors());
        assertTrue(result.errors().contains("'frobnicäte'; see fatezero --help"), result.errors());
    }

    @Test
    void onlyVerboseTellsTheStack() throws Exception {
        Fatezero.Result result = Fatezero.run("--verbose");
        assertEquals(2, result.status());
        assertTrue(result.errors().startsWith("fatezero: a subcommand is missing; see fatezero --help\n"), result.errors());
        assertTrue(result.errors().contains("\tat org.fatezero.cli.Main.run"), result.errors());
    }

    @Test
    void findsTheEngineFromAnotherFolderThroughALink(@TempDir Path folder) throws Exception {
        Path link = Files.createSymbolicLink(folder.resolve("fz"), Fatezero.PROGRAM);
        assertEquals(0, Fatezero.run(link, Map.of(), "--version").status());
    }

    @Test
    void anOlderJavaIsPassedOver(@TempDir Path folder) throws Exception {
        Path old = Files.createDirectories(folder.resolve("java-11/bin")).getParent();
        Files.writeString(old.resolve("release"), "JAVA_VERSION=\"11.0.2\"\n");
        Files.writeString(old.resolve("bin/java"), "#!/bin/sh\necho old\n").toFile().setExecutable(true);
        Fatezero.Result result = Fatezero.run(Fatezero.PROGRAM, Map.of("JAVA_HOME", old.toString()), "--version");
        assertTrue(result.out().startsWith("fatezero "), result.out());
        result = Fatezero.run(Fatezero.PROGRAM, Map.of("FATEZERO_JVM", old + "/lib/server/libjvm.so"), "--version");
        assertEquals(1, result.status());
        assertTrue(result.errors().startsWith("fatezero: no Java, version 17 or newer"), result.errors());
    }

    @Test
    void aMissingEngineIsNamed(@TempDir Path folder) throws Exception {
        Path missing = folder.resolve("engine");
        Fatezero.Result result = Fatezero.run(Fatezero.PROGRAM, Map.of("FATEZERO_HOME", missing.toString()), "--version");
        assertEquals(1, result.status());
        assertEquals("fatezero: the engine's folder " + missing
                + " is missing; install it beside this program's folder or set FATEZERO_HOME\n", result.errors());
        result = Fatezero.run(Fatezero.PROGRAM, Map.of("FATEZERO_TORCH", missing.toString()), "--version");
        assertEquals(1, result.status());
        assertTrue(result.errors().startsWith("fatezero: FATEZERO_TORCH=" + missing + " is no folder of libtorch"), result.errors());
    }
}
