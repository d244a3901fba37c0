package org.fatezero.filter;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.fatezero.filter.Ffmpeg.REAL;
import static org.fatezero.filter.Ffmpeg.STUB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Java in the process changes nothing that is ffmpeg's, and takes paths as ffmpeg does, whatever the locale. */
@Tag("filter")
class GuestTest {
    private static final String INPUT = "-f lavfi -i testsrc2=s=64x48:r=25:d=4 -vf";

    @TempDir
    private static Path locales;

    @BeforeAll
    static void makeLocales() throws IOException, InterruptedException {
        for (String locale : List.of("de_DE", "tr_TR", "ar_EG")) {
            new ProcessBuilder("localedef", "-c", "-i", locale, "-f", "UTF-8", locales.resolve(locale + ".UTF-8").toString())
                .redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor();
            assertTrue(Files.exists(locales.resolve(locale + ".UTF-8/LC_NUMERIC")), "localedef makes no " + locale);
        }
    }

    private static Ffmpeg in(Ffmpeg ffmpeg, String locale) {
        return ffmpeg.and("LC_ALL", locale).and("LOCPATH", locales.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"de_DE.UTF-8", "tr_TR.UTF-8", "ar_EG.UTF-8"})
    void numbersKeepTheirPoint(String locale, @TempDir Path folder) throws IOException {
        in(STUB, locale).run(INPUT, "fatezero=steps=1", "-c:v", "libx264", "-crf", "18.5", "-g", "50", "-f", "hls", "-hls_time", "2",
            folder.resolve("list.m3u8").toString()).succeeded();
        assertEquals(List.of("#EXTINF:2.000000,", "#EXTINF:2.000000,"),
            Files.readAllLines(folder.resolve("list.m3u8")).stream().filter(line -> line.startsWith("#EXTINF")).toList());
    }

    @ParameterizedTest
    @ValueSource(strings = {"C", "de_DE.UTF-8", "none.such"})
    void pathsAreUtf8(String locale, @TempDir Path folder) throws IOException {
        Path home = Files.createDirectory(folder.resolve("Gemälde-日本-🎨"));
        Files.createSymbolicLink(home.resolve("Modell-ü"), Path.of("tests/golden/tiny").toAbsolutePath());
        Files.writeString(home.resolve("öl.preset"), "prompt=oil painting\n");
        Files.writeString(home.resolve("wörter.txt"), "ein Gemälde\n");
        Ffmpeg ffmpeg = in(REAL, locale);
        String common = "format=rgb24,fatezero=size=32:steps=2:window=2:model=" + home + "/Modell-ü:inversion=" + home + "/für später";
        for (String own : List.of("preset=" + home + "/öl.preset", "promptfile=" + home + "/wörter.txt"))
            ffmpeg.run("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 2 -vf", common + ":" + own, "-f", "null", "-").succeeded();
        try (Stream<Path> kept = Files.list(home.resolve("für später"))) {
            assertNotEquals(0, kept.count());
        }
    }

    /** The distribution's ffmpeg has a BLAS, whose functions are named like libtorch's own. */
    @Test
    void libtorchKeepsToItsOwnBlas(@TempDir Path folder) throws IOException, InterruptedException {
        Path source = Files.writeString(folder.resolve("blas.c"), "#include <stdlib.h>\nvoid sgemm_(void) { abort(); }\n");
        Path library = folder.resolve("libblas.so");
        assertEquals(0, new ProcessBuilder("cc", "-shared", "-fPIC", "-o", library.toString(), source.toString()).inheritIO().start().waitFor());
        REAL.and("LD_PRELOAD", library.toString()).run("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 2 -vf",
            "format=rgb24,fatezero=size=32:steps=2:window=2:precision=fp32:model=tests/golden/tiny", "-f", "null", "-").succeeded();
    }

    @Test
    void whyLibtorchCannotBeLoaded(@TempDir Path folder) throws IOException {
        try (Stream<Path> libraries = Files.list(Path.of("build/ffmpeg/lib/fatezero/pytorch").toAbsolutePath())) {
            for (Path library : libraries.toList())
                if (!library.endsWith("libtorch_cpu.so"))
                    Files.createSymbolicLink(folder.resolve(library.getFileName()), library);
        }
        Files.writeString(folder.resolve("libtorch_cpu.so"), "no library");
        // the tests' own variable goes before what the bridge tells DJL
        Ffmpeg.Result result = REAL.and("FATEZERO_TORCH", folder.toString()).and("PYTORCH_LIBRARY_PATH", folder.toString())
            .run("-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 1 -vf", "fatezero=steps=1", "-f", "null", "-");
        assertNotEquals(0, result.status());
        assertTrue(result.log().contains("libtorch cannot be loaded: "), result.log());
        assertTrue(result.log().contains("libtorch_cpu.so: file too short"), result.log());
    }
}
