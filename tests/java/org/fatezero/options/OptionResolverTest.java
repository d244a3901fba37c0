package org.fatezero.options;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.fatezero.TinyOptions;
import org.fatezero.io.UserTexts;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.LinkedHashMap;
import java.util.Map;

class OptionResolverTest {

    @TempDir
    private Path folder;

    /** key, value, key, value ... */
    private static Options resolve(String... set) throws IOException {
        Map<String, String> options = new LinkedHashMap<>();
        for (int i = 0; i < set.length; i += 2) {
            options.put(set[i], set[i + 1]);
        }
        return OptionResolver.resolve(options, new UserTexts(), new TinyOptions.Silent());
    }

    private static void fails(String told, String... set) {
        String message = assertThrows(IllegalArgumentException.class, () -> resolve(set)).getMessage();
        assertTrue(message.contains(told), message);
    }

    private String preset(String... lines) throws IOException {
        return Files.writeString(folder.resolve("mine.preset"), String.join("\n", lines)).toString();
    }

    @Test
    void nothingSetIsTheDefaultPresetOfSomeScene() throws Exception {
        Options options = resolve();
        assertEquals("watercolor", options.preset());
        assertEquals("auto", options.source());
        assertEquals("watercolor painting of {source}", options.prompt(), "filled in once the clip is described");
        assertEquals("watercolor=10", options.emphasize());
    }

    @Test
    void aPromptWithoutAPresetStandsAlone() throws Exception {
        Options options = resolve("prompt", "a blue jeep");
        assertEquals("", options.preset());
        assertEquals("a blue jeep", options.prompt());
        assertEquals("", options.emphasize());
    }

    @Test
    void whatIsSetWinsOverThePresetAndThePresetOverTheDefaults() throws Exception {
        Options options = resolve("preset", preset("prompt=its own", "steps=7", "guidance=3"), "prompt", "mine", "steps", "9");
        assertEquals("mine", options.prompt());
        assertEquals(9, options.steps());
        assertEquals(3, options.guidance());
        assertEquals(8, options.window());
    }

    @Test
    void autoLeavesAnOptionToThePresetAndThenToTheDefaults() throws Exception {
        Options options = resolve("preset", preset("prompt={source}", "steps=7", "strength=0.75"), "source", "auto", "steps", "auto",
            "guidance", "auto", "strength", "auto", "parity", "auto", "keys", "auto", "solver", "auto", "from", "auto");
        assertEquals(7, options.steps());
        double replaced = options.self_replace().isEmpty() ? 0 : Double.parseDouble(options.self_replace());
        assertEquals(0.4, replaced, 1e-9, "strength= of the preset moves it");
        assertEquals("anchor", options.keys());
        assertEquals("ddim", options.solver());
        assertEquals("auto", options.from(), "a word like others");
    }

    @Test
    void placeholdersAreFilledInWhereverWordsOrPromptsAre() throws Exception {
        Options options = resolve("preset", preset("prompt=a painting of {edited}, not {source}", "negative={from}", "blend={from}/{to}",
                "emphasize={to}=3", "cross_replace=0.8+{to}=0.2"), "source", "a silver jeep", "from", " silver jeep ", "to", "yellow bus");
        assertEquals("a painting of a yellow bus, not a silver jeep", options.prompt());
        assertEquals("silver jeep", options.negative());
        assertEquals("silver jeep/yellow bus", options.blend());
        assertEquals("yellow bus=3", options.emphasize());
        assertEquals("0.8+yellow bus=0.2", options.cross_replace());
    }

    @Test
    void theRestIsEveryOtherWordOfTheSource() throws Exception {
        assertEquals("-a+red+jeep+night", resolve("prompt", "{edited}", "source", "a red jeep on a road night",
                "from", "on a road", "to", "at", "blend", "-{rest}").blend());
        fails("needs from=", "prompt", "a jeep", "source", "a jeep on a road", "blend", "-{rest}");
    }

    @ParameterizedTest
    @CsvSource({"a jeep and a JEEP, jeep, car, a car and a car", "a jeepney jeep, jeep, car, a jeepney car", "a big jeep, big, '', a jeep",
        "big jeep, big, '', jeep", "the cat's hat, cat, dog, the dog's hat", "a $1 bill, $1, \\$2, a \\$2 bill",
        "Éclair, éclair, cake, cake"})
    void wholeWordsAreReplacedWhateverTheirCase(String source, String from, String to, String edited) throws Exception {
        assertEquals(edited, resolve("prompt", to.isEmpty() ? "{without}" : "{edited}", "source", source, "from", from, "to", to).prompt());
    }

    @Test
    void aWordThatTheSourceLacksIsToldWithThoseItHas() {
        fails("from=car: not in the source 'a silver jeep'; its words are: a silver jeep", "prompt", "{edited}", "source", "a silver jeep",
                "from", "car", "to", "bus");
        fails("from=sil:", "prompt", "{edited}", "source", "a silver jeep", "from", "sil", "to", "gold");
    }

    @Test
    void whatAPresetNeedsIsTold() {
        fails("preset=recolor needs from=, the words of the source that change, and to=, what they change to; "
                + "for 'a small red jeep driving down a curvy road' say, for instance, fatezero=preset=recolor:from=red:to=blue",
                "preset", "recolor", "source", "a small red jeep driving down a curvy road");
        fails("preset=recolor needs from=", "preset", "recolor", "source", "a red jeep", "to", "blue");
        fails("preset=recolor needs to=", "preset", "recolor", "source", "a red jeep", "from", "red");
        fails("preset=remove-object needs from=", "preset", "remove-object", "source", "a jeep on a road");
        fails("this edit needs prompt=", "prompt", " ");
        fails("this edit needs to=", "prompt", "a jeep", "negative", "{to}");
        fails("this edit needs prompt=", "preset", "");
        fails("preset=background needs words of the source beside from=a road, for what stays as it is: in 'a road' there are none",
                "preset", "background", "source", "a road", "from", "a road", "to", "a beach");
    }

    /** A preset may come from a stranger. */
    @Test
    void whatIsFilledInDoesNotGrowWithoutEnd() throws IOException {
        String most = "{source}".repeat(64);
        assertEquals(64 * "a jeep".length(), resolve("prompt", most, "source", "a jeep").prompt().length());
        fails("this edit has more than 64 placeholders in prompt=", "prompt", most + "{source}", "source", "a jeep");
    }

    /** What a preset needs is told once the clip is described, in its words. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "swap-object    | a red porsche car driving in the snow    | from=porsche car:to=jeep",
        "infusion       | a white swan swimming in a river         | from=swan:to=porsche car",
        "recolor        | a red jeep in a river near a wall        | from=red:to=blue",
        "recolor        | a jeep                                   | from=red:to=blue",
        "background     | watercolor painting of a cat on a sofa   | from=on a sofa:to=in the snow",
        "swap-attribute | ukiyo-e style a cat walking on a sofa    | from=on a sofa:to=in the snow",
        "remove-object  | a white duck swimming in a river         | from=duck",
        "remove-object  | a scene                                  | from=scene"})
    void anExampleIsGivenInTheWordsOfTheClip(String preset, String caption, String example) throws IOException {
        Map<String, String> set = Map.of("preset", preset);
        assertEquals("auto", OptionResolver.resolve(set, new UserTexts(), new TinyOptions.Silent()).source());
        String message = assertThrows(IllegalArgumentException.class,
                () -> OptionResolver.described(set, new UserTexts(), caption, captions -> new double[captions.size()],
                        new TinyOptions.Silent()))
                .getMessage();
        assertTrue(message.endsWith("for '" + caption + "' say, for instance, fatezero=preset=" + preset + ":" + example), message);
        assertEquals(1, message.lines().count());
    }

    /** As words beside the preset are. */
    @Test
    void wordsOfAPresetAreFittedIntoTheCaption() throws IOException {
        Path preset = Files.writeString(folder.resolve("own.preset"), "prompt={edited}\nfrom=duck\nto=boat\n");
        Options options = OptionResolver.described(Map.of("preset", preset.toString()), new UserTexts(), "a silver swan in a river",
                captions -> new double[captions.size()], new TinyOptions.Silent()).get(0);
        assertEquals("a silver duck in a river", options.source());
        assertEquals("a silver boat in a river", options.prompt());
    }

    @Test
    void aFileMayHoldThePromptAndTheSource() throws Exception {
        Path file = Files.writeString(folder.resolve("prompt.txt"), "a 🚗: 'blue', \\fast\\\r\na jeep\r\nmore\r\n");
        Options options = resolve("promptfile", file.toString());
        assertEquals("a 🚗: 'blue', \\fast\\", options.prompt());
        assertEquals("a jeep", options.source());
        assertEquals("", options.preset());
        assertEquals("a bus", resolve("promptfile", file.toString(), "source", "a bus").source());
    }

    @Test
    void aByteOrderMarkIsNoPartOfThePrompt() throws Exception {
        assertEquals("a jeep", resolve("promptfile", Files.writeString(folder.resolve("prompt.txt"), "\ufeffa jeep").toString()).prompt());
    }

    @Test
    void aPromptfileThatIsEmptyOrMissingIsTold() throws Exception {
        Path file = Files.createFile(folder.resolve("prompt.txt"));
        fails("prompt=", "promptfile", file.toString());
        Files.delete(file);
        String message = assertThrows(NoSuchFileException.class, () -> resolve("promptfile", file.toString())).getMessage();
        assertTrue(message.contains(file.toString()), message);
    }

    /** Or a style would go on outside of it. */
    @Test
    void blendConfinesTheWholeEdit() throws IOException {
        String[] jeep = {"source", "a jeep on a road", "blend", "jeep"};
        assertEquals("0.2-1", resolve(jeep).blend_latents());
        assertEquals("0", resolve("source", "a jeep on a road").blend_latents());
        assertEquals("0", resolve("source", "a jeep on a road", "blend", "jeep", "blend_latents", "0").blend_latents());
        assertEquals("0", resolve("source", "a jeep on a road", "blend", "jeep", "parity", "1").blend_latents());
        assertEquals("0", resolve("source", "a jeep on a road", "preset", "object-and-place", "from", "jeep|road", "to", "car|river")
                .blend_latents(), "as the preset says");
    }

    @Test
    void wordsThatNoPromptTakesAreTold() throws IOException {
        List<String> told = new ArrayList<>();
        OptionResolver.resolve(Map.of("source", "a red jeep", "from", "red", "to", "blue"), new UserTexts(),
                (level, message) -> told.add(message));
        assertEquals(List.of("from=red changes nothing: preset=watercolor has none of {from}, {edited}, {without}, {rest} in its prompt"),
                told);
    }
}
