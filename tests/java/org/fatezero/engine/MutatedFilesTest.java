package org.fatezero.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.fatezero.Damage;
import org.fatezero.Golden;
import org.fatezero.TinyOptions;
import org.fatezero.caption.Captioner;
import org.fatezero.caption.Captioners;
import org.fatezero.clip.Clip;
import org.fatezero.io.UserTexts;
import org.fatezero.options.OptionResolver;
import org.fatezero.options.Options;
import org.fatezero.video.Frame;
import org.fatezero.video.Video;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Files that someone or something has damaged. Whatever is in them, an edit is made, or an error names what is wrong:
 * {@code IllegalArgumentException} or {@code IOException}, and nothing else. {@code -Dcases=750 -Dseed=2} tries more and others.
 */
@Timeout(1800)
class MutatedFilesTest {

    private static final int CASES = Integer.getInteger("cases", 120);

    @TempDir
    private Path folder;

    private final Random random = new Random(Integer.getInteger("seed", 1));
    private final Damage damage = new Damage(random);
    private final List<String> wrong = new ArrayList<>();
    private int refused;

    /** What a case does; the exceptions that it may throw are told apart from those that it may not. */
    private interface Case {
        void run() throws Exception;
    }

    private void attempt(String what, Case attempt) {
        try {
            attempt.run();
        } catch (IllegalArgumentException | IOException e) {
            refused++;
            if (e.getMessage() == null || e.getMessage().isBlank()) {
                wrong.add(what + ": no message in " + e);
            }
        } catch (Exception | StackOverflowError | OutOfMemoryError e) {
            wrong.add(what + ": " + e + " at " + Arrays.stream(e.getStackTrace()).limit(12).toList());
        }
    }

    private void assertNothingIsWrong() {
        System.out.println(refused + " files or options refused");
        assertEquals(List.of(), wrong.stream().limit(8).toList(), wrong.size() + " of " + CASES + " cases");
    }

    private static byte[] edited(Engine engine) throws IOException {
        ByteBuffer[] frames = {ByteBuffer.allocateDirect(32 * 24 * 3), ByteBuffer.allocateDirect(32 * 24 * 3)};
        for (int i = 0; i < 2 * frames[0].capacity(); i++) {
            frames[i % 2].put(i / 2, (byte) (i * 31 % 251));
        }
        engine.edit(frames, new int[] {96, 96}, frames, new int[] {96, 96}, 32, 24, 8);
        byte[] result = new byte[frames[0].capacity()];
        frames[1].get(0, result);
        return result;
    }

    private void open(String model, String... set) throws IOException {
        Map<String, String> options = TinyOptions.of(model, set);
        options.put("steps", "1");
        try (Engine engine = new Engine(options, new TinyOptions.Silent())) {
            edited(engine);
        }
    }

    @Test
    void options() {
        List<String> names = Arrays.stream(Options.class.getRecordComponents()).map(RecordComponent::getName).toList();
        String[] values = {"watercolor", "watercolor|van-gogh", "jeep", "a jeep", "jeep=2", "word+word", "0.5", "0.2-0.8", "first,mid",
            "auto", "cpu", "1|2", "64", "edit", "attention=jeep", "/dev/null", "none.yaml", "\u0000", "\ud800", "a".repeat(5000)};
        for (int i = 0; i < 10 * CASES; i++) {
            Map<String, String> set = new HashMap<>();
            for (int j = random.nextInt(5); j >= 0; j--) {
                String value = values[random.nextInt(values.length)];
                set.put(names.get(random.nextInt(names.size())), random.nextBoolean() ? value
                        : new String(damage.to(value.getBytes(StandardCharsets.UTF_8)), StandardCharsets.UTF_8));
            }
            attempt(set.toString(), () -> assertNotNull(OptionResolver.edits(set, new UserTexts(), new TinyOptions.Silent())));
        }
        assertNothingIsWrong();
    }

    @Test
    void presetsConfigurationsAndPrompts() throws IOException {
        byte[] preset = Files.readAllBytes(Path.of("presets/watercolor.preset"));
        byte[] configuration = Files.readAllBytes(Path.of("tests/configurations/jeep.yaml"));
        byte[] prompts = "a watercolour of a jeep\na jeep\n".getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < CASES; i++) {
            int kind = i % 3;
            byte[] bytes = damage.to(kind == 0 ? preset : kind == 1 ? configuration : prompts);
            Path file = Files.write(folder.resolve("a" + new String[] {".preset", ".yaml", ".txt"}[kind]), bytes);
            Map<String, String> set = Map.of(kind == 2 ? "promptfile" : "preset", file.toString());
            attempt(new String(bytes, StandardCharsets.UTF_8),
                    () -> assertNotNull(OptionResolver.edits(set, new UserTexts(), new TinyOptions.Silent())));
        }
        assertNothingIsWrong();
    }

    @Test
    void models() throws IOException {
        folder(Golden.TINY, CASES, model -> open(model.toString()));
    }

    @Test
    void captioners() throws IOException {
        Frame frame = Video.read(Path.of("tests/media/jeep.mp4"), 1).get(0);
        for (Path captioner : List.of(Golden.FOLDER.resolve("blip"), Path.of("java-engine/pocket/captioner"))) {
            folder(captioner, CASES / 4, damaged -> {
                try (Captioner opened = Captioners.open(damaged.toString(), "pocket", (level, message) -> { }).orElseThrow()) {
                    assertNotNull(opened.caption(frame));
                }
            });
        }
    }

    @Test
    void clips() throws IOException {
        List<Frame> frames = Video.read(Path.of("tests/media/jeep.mp4"), 1);
        folder(Golden.FOLDER.resolve("clip"), CASES / 4, damaged -> {
            try (Clip clip = new Clip(damaged)) {
                assertNotNull(clip.text(clip.encode("a jeep")));
                assertNotNull(clip.images(frames));
            }
        });
    }

    /** Each file of a folder in turn. */
    private void folder(Path whole, int cases, Use use) throws IOException {
        Path copy = folder.resolve(whole.getFileName());
        TinyOptions.copy(whole, copy);
        List<Path> files;
        try (var walked = Files.walk(copy)) {
            files = walked.filter(Files::isRegularFile).sorted().toList();
        }
        for (int i = 0; i < cases; i++) {
            Path file = files.get(i % files.size());
            byte[] bytes = Files.readAllBytes(file);
            byte[] damaged = damage.to(bytes);
            Files.write(file, damaged);
            attempt(copy.relativize(file) + " " + described(damaged), () -> use.of(copy));
            Files.write(file, bytes);
        }
        assertNothingIsWrong();
    }

    private interface Use {
        void of(Path damaged) throws Exception;
    }

    /** A small file whole, the start of a large one. */
    private static String described(byte[] bytes) {
        return new String(bytes, 0, Math.min(bytes.length, 1000), StandardCharsets.UTF_8);
    }

    @Test
    void loras() throws IOException {
        String[] names = {"lora-diffusers", "lora-kohya"};
        for (int i = 0; i < CASES; i++) {
            byte[] bytes = damage.to(Files.readAllBytes(Path.of("tests/golden/" + names[i % 2] + ".safetensors")));
            Path file = Files.write(folder.resolve("a.safetensors"), bytes);
            attempt(described(bytes), () -> open("tests/golden/tiny", "lora", file.toString()));
        }
        assertNothingIsWrong();
    }

    /**
     * A damaged inversion is no reason to fail: it is set aside and made anew, and the frames are the same bytes. Where only spaces
     * or notes have changed, it is read. What is then recomputed of the source differs in rounding from what inverting keeps, so a
     * level of 255 may too: these are the very frames that the whole file gives.
     */
    @Test
    void inversions() throws IOException {
        Path kept = folder.resolve("inversions");
        List<String> told = new ArrayList<>();
        TinyOptions.Silent host = new TinyOptions.Silent() {
            @Override
            public void log(int level, String message) {
                told.add(message);
            }
        };
        int readAgain = 0;
        try (Engine engine = new Engine(TinyOptions.of("tests/golden/tiny", "inversion", kept.toString(), "steps", "1"), host)) {
            byte[] inverted = edited(engine);
            Path edit = kept(kept, true);
            Files.delete(edit);
            byte[] read = edited(engine);
            Path file = kept(kept, false);
            byte[] whole = Files.readAllBytes(file);
            for (int i = 0; i < CASES; i++) {
                byte[] bytes = damage.to(whole);
                Files.write(file, bytes);
                Files.delete(edit);
                told.clear();
                byte[] frames = edited(engine);
                boolean wasRead = told.stream().anyMatch(line -> line.startsWith("inversion read from"));
                readAgain += wasRead ? 1 : 0;
                assertArrayEquals(wasRead ? read : inverted, frames, () -> "read: " + wasRead + ", " + described(bytes));
            }
        }
        assertTrue(readAgain < CASES / 2, readAgain + " damaged files were read");
    }

    /** Nor is a damaged edit, where it is not still whole. */
    @Test
    void edits() throws IOException {
        Path kept = folder.resolve("edits");
        Map<String, String> options = TinyOptions.of("tests/golden/tiny", "inversion", kept.toString(), "steps", "1");
        try (Engine engine = new Engine(options, new TinyOptions.Silent())) {
            edited(engine);
            Path file = kept(kept, true);
            Files.delete(file);
            byte[] expected = edited(engine); // of the inversion that was read, as all that follow
            byte[] whole = Files.readAllBytes(file);
            for (int i = 0; i < CASES; i++) {
                byte[] bytes = damage.to(whole);
                Files.write(file, bytes);
                assertArrayEquals(expected, edited(engine), () -> described(bytes));
            }
        }
    }

    private static Path kept(Path folder, boolean edit) throws IOException {
        try (var files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".safetensors") && file.toString().contains(".edit.") == edit)
                    .findFirst().orElseThrow();
        }
    }
}
