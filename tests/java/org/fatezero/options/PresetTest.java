package org.fatezero.options;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.fatezero.Golden;
import org.fatezero.TinyOptions;
import org.fatezero.edit.fatezero.Alignment;
import org.fatezero.edit.plan.PromptWords;
import org.fatezero.io.UserTexts;
import org.fatezero.options.words.Words;
import org.fatezero.text.Prompt;
import org.fatezero.text.Tokenizer;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

class PresetTest {

    private static final Path SHIPPED = Path.of("presets");

    @TempDir
    private Path folder;

    private static Map<String, String> load(String name) throws IOException {
        return Preset.load(name, Map.of(), new UserTexts(), new TinyOptions.Silent());
    }

    static Set<String> names() throws IOException {
        return Preset.names();
    }

    @Test
    void theShippedOnesAreThoseOfTheFolder() throws Exception {
        List<String> files;
        try (var listed = Files.list(SHIPPED)) {
            files = listed.map(file -> file.getFileName().toString()).filter(name -> name.endsWith(".preset"))
                    .map(name -> name.replace(".preset", "")).sorted().toList();
        }
        assertEquals(files, List.copyOf(Preset.names()));
        assertTrue(files.containsAll(List.of("watercolor", "ukiyo-e", "van-gogh", "monet", "makoto-shinkai", "cartoon", "pencil-sketch",
                "recolor", "swap-attribute", "swap-object", "background", "enhance", "remove-object")), files.toString());
    }

    @ParameterizedTest
    @MethodSource("names")
    void theFirstLineSaysWhenToUseIt(String name) throws Exception {
        String first = Files.readAllLines(SHIPPED.resolve(name + ".preset")).get(0);
        assertTrue(first.startsWith("# ") && first.length() > 20, first);
    }

    /** With words of one and of several pieces, each shipped preset gives an edit that the tokenizer can follow. */
    @ParameterizedTest
    @MethodSource("names")
    void resolvesWithItsWords(String name) throws Exception {
        try (Tokenizer tokenizer = new Tokenizer(Golden.TINY.resolve("tokenizer"))) {
            PromptWords words = new PromptWords(tokenizer, false, (level, message) -> { });
            for (String[] change : new String[][] {{"jeep", "car"}, {"silver jeep", "bright yellow bus"}, {" Silver  ", "x-ray"}}) {
                Map<String, String> set =
                        Map.of("preset", name, "source", "a silver jeep on a road", "from", change[0], "to", change[1]);
                Options options = OptionResolver.resolve(set, new UserTexts(), new TinyOptions.Silent());
                assertFalse(options.prompt().contains("{") || options.blend().contains("{") || options.emphasize().contains("{"));
                Prompt source = tokenizer.encode(options.source(), 77);
                Prompt target = tokenizer.encode(options.prompt(), 77);
                words.emphasis(options.emphasize(), target);
                words.gates(options.cross_replace(), target);
                for (String share : options.self_replace().split(Words.EACH)) {
                    Words.Share.parse("self_replace", share);
                }
                for (String blend : options.blend().isEmpty() ? new String[0] : options.blend().split(Words.EACH)) {
                    assertTrue(blend.startsWith("-/") || words.sourceBlend(blend, source).length > 0);
                    if (!options.blend_latents().equals("0")) {
                        assertEquals(name.equals("remove-object"), words.targetBlend(blend, target).length == 0);
                    }
                }
                if (options.control().equals("replace")) {
                    Alignment.replace(source, target);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"watercolour", "no-such", "../presets/watercolor", "/etc", "Watercolor", "a b", ""})
    void anUnknownNameIsToldWithThoseThereAre(String name) {
        String message = assertThrows(IllegalArgumentException.class, () -> load(name)).getMessage();
        assertTrue(message.contains("preset=" + name + ":")
                && message.contains("cartoon, colour-and-place, enhance, fog, infusion, makoto-shinkai"), message);
    }

    @ParameterizedTest
    @CsvSource({"watercolour, watercolor", "monett, monet", "van_gogh, van-gogh", "color-and-place, colour-and-place"})
    void aSlipIsUnderstood(String name, String meant) {
        String message = assertThrows(IllegalArgumentException.class, () -> load(name)).getMessage();
        assertTrue(message.startsWith("preset=" + name + ": did you mean " + meant + "? It is neither a file nor one of"), message);
        message = assertThrows(IllegalArgumentException.class, () -> load("sepia")).getMessage();
        assertTrue(message.startsWith("preset=sepia: neither a file nor one of the presets background, "), message);
    }

    @Test
    void aFileIsAPresetToo() throws Exception {
        Path file = Files.writeString(folder.resolve("mine.preset"), "# mine\r\n\r\n prompt = a=b \r\n  # more\r\nsteps=3");
        assertEquals(Map.of("prompt", "a=b", "steps", "3"), load(file.toString()));
    }

    @ParameterizedTest
    @CsvSource({"prompt, 'line 1: neither key=value nor a comment'", "'# mine\n=3', line 2",
        "'steps=1\nsteps=2', 'line 2: sets the same key again'"})
    void aLineThatIsNoOptionIsTold(String text, String told) throws Exception {
        Path file = Files.writeString(folder.resolve("mine.preset"), text);
        String message = assertThrows(IllegalArgumentException.class, () -> load(file.toString())).getMessage();
        assertTrue(message.contains(file.toString()) && message.contains(told), message);
    }

    private static final Set<String> NOT_FOR_PRESETS = Set.of("inversion", "cache_limit", "model", "lora", "device", "precision", "store",
            "show", "promptfile", "captioner", "preset", "presets", "edit", "speed", "mask");

    static Set<String> notForPresets() {
        return NOT_FOR_PRESETS;
    }

    /** A preset from anywhere neither reads nor writes files of the user's. */
    @ParameterizedTest
    @MethodSource("notForPresets")
    void whatIsNoPartOfAnEditIsNotForAPreset(String key) throws Exception {
        Path file = Files.writeString(folder.resolve("mine.preset"), "prompt=a jeep\n" + key + "=secret");
        String message = assertThrows(IllegalArgumentException.class, () -> load(file.toString())).getMessage();
        assertEquals(file + ", line 2: " + key + "= is not for a preset to set; give it beside preset=", message);
    }

    /** So a new option is decided on. */
    @Test
    void everyOptionIsForPresetsOrNot() {
        Set<String> others = new TreeSet<>(Options.names());
        others.removeAll(Options.names(Trait.IN_PRESETS));
        assertEquals(new TreeSet<>(NOT_FOR_PRESETS), others);
    }

    /** Whose user names any file of the machine learns nothing of it. */
    @ParameterizedTest
    @ValueSource(strings = {"root:hunter2:0:0", "hunter2", "hunter2=hunter2", "prompt=a jeep\nhunter2 = hunter2", "=hunter2"})
    void aFileThatIsNoPresetShowsNoneOfItsText(String text) throws Exception {
        Path file = Files.writeString(folder.resolve("file"), text);
        String message = assertThrows(IllegalArgumentException.class, () -> load(file.toString())).getMessage();
        assertTrue(message.startsWith(file + ", line ") && !message.contains("hunter2"), message);
    }

    @Test
    void aByteOrderMarkIsNoPartOfTheText() throws Exception {
        assertEquals(Map.of("prompt", "a jeep"), load(Files.writeString(folder.resolve("mine.preset"), "\ufeffprompt=a jeep").toString()));
    }

    @Test
    void aFileThatIsNoTextOrTooLargeIsNamed() throws Exception {
        Path file = Files.write(folder.resolve("mine.preset"), "prompt=é".getBytes(StandardCharsets.ISO_8859_1));
        String message = assertThrows(IOException.class, () -> load(file.toString())).getMessage();
        assertTrue(message.contains(file.toString()) && message.contains("UTF-8"), message);
        Files.write(file, new byte[1 << 17]);
        message = assertThrows(IOException.class, () -> load(file.toString())).getMessage();
        assertTrue(message.contains(file.toString()) && message.contains("131072"), message);
    }
}
