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
    private static final String EDIT = "-f lavfi -i testsrc2=s=64x48:r=25 -frames:v 2 -vf";
    private static final String IN_FP32 = "format=rgb24,fatezero=size=32:steps=2:window=2:precision=fp32:model=tests/golden/tiny";

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
        Files.delete(home.resolve("Modell-ü")); // a link, of which JUnit would warn
    }

    /** The distribution's ffmpeg has a BLAS, whose functions are named like libtorch's own. */
    @Test
    void libtorchKeepsToItsOwnBlas(@TempDir Path folder) throws IOException, InterruptedException {
        Path library = compiled(folder, "#include <stdlib.h>\nvoid sgemm_(void) { abort(); }\n");
        REAL.and("LD_PRELOAD", library.toString()).run(EDIT, IN_FP32, "-f", "null", "-").succeeded();
    }

    /** As jemalloc does, whose memory glibc's free() takes for a broken heap. */
    @Test
    void theHostMayHaveAnotherAllocator(@TempDir Path folder) throws IOException, InterruptedException {
        Path library = compiled(folder, """
            #include <errno.h>
            #include <string.h>
            extern void *__libc_memalign(size_t, size_t);
            extern void __libc_free(void *);
            /* the size_t before a block is its size; the one before that, how many bytes before the block its memory begins */
            void *memalign(size_t a, size_t n) {
                a = a < 64 ? 64 : a;
                char *p = __libc_memalign(a, n + a);
                if (!p) return NULL;
                ((size_t *)(p + a))[-1] = n;
                ((size_t *)(p + a))[-2] = a;
                return p + a;
            }
            void free(void *p) { if (p) __libc_free((char *)p - ((size_t *)p)[-2]); }
            void *malloc(size_t n) { return memalign(64, n); }
            void *aligned_alloc(size_t a, size_t n) { return memalign(a, n); }
            int posix_memalign(void **p, size_t a, size_t n) { return (*p = memalign(a, n)) ? 0 : ENOMEM; }
            void *calloc(size_t m, size_t n) { void *p = malloc(m * n); return p ? memset(p, 0, m * n) : NULL; }
            void *realloc(void *p, size_t n) {
                void *q = malloc(n);
                if (p && q) memcpy(q, p, ((size_t *)p)[-1] < n ? ((size_t *)p)[-1] : n);
                if (q) free(p);
                return q;
            }
            size_t malloc_usable_size(void *p) { return p ? ((size_t *)p)[-1] : 0; }
            """);
        REAL.and("LD_PRELOAD", library.toString()).run(EDIT, IN_FP32, "-f", "null", "-").succeeded();
    }

    private static Path compiled(Path folder, String source) throws IOException, InterruptedException {
        Path file = Files.writeString(folder.resolve("preloaded.c"), source);
        Path library = folder.resolve("preloaded.so");
        assertEquals(0, new ProcessBuilder("cc", "-O1", "-fno-builtin", "-shared", "-fPIC", "-o", library.toString(), file.toString())
            .inheritIO().start().waitFor());
        return library;
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
        try (Stream<Path> links = Files.list(folder)) { // of which JUnit would warn
            for (Path link : links.toList())
                Files.delete(link);
        }
        assertNotEquals(0, result.status());
        assertTrue(result.log().contains("libtorch cannot be loaded: "), result.log());
        assertTrue(result.log().contains("libtorch_cpu.so: file too short"), result.log());
    }
}
