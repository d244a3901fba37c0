package org.fatezero.options.authors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.fatezero.TinyOptions;
import org.fatezero.engine.Host;
import org.fatezero.io.UserTexts;
import org.fatezero.options.Options;
import org.fatezero.options.OptionResolver;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The fields of the authors' configuration files, and the options that they become. */
class ConfigurationTest {

    private static final Path FILE = Path.of("tests/configurations/jeep.yaml");
    private static final String SOURCE = "a red jeep driving down a road";

    @TempDir
    private Path folder;

    private final List<String> warnings = new ArrayList<>();
    private final List<String> notes = new ArrayList<>();
    private final Host host = new TinyOptions.Silent() {
        @Override
        public void log(int level, String message) {
            assertFalse(message.contains("\n"), message);
            (level == WARNING ? warnings : notes).add(message);
        }
    };

    private Options options(Path file, String... set) throws IOException {
        Map<String, String> given = new HashMap<>(Map.of("preset", file.toString(), "model", "pocket"));
        for (int i = 0; i < set.length; i += 2) {
            given.put(set[i], set[i + 1]);
        }
        return OptionResolver.resolve(given, new UserTexts(), host);
    }

    /** The example with one text replaced by another. */
    private Path changed(String from, String to) throws IOException {
        String text = Files.readString(FILE);
        assertTrue(text.contains(from), from);
        return Files.writeString(folder.resolve("a.yaml"), text.replace(from, to));
    }

    private void fails(Path file, String told, String... set) {
        String message = assertThrows(IllegalArgumentException.class, () -> options(file, set)).getMessage();
        assertTrue(message.contains(told), message);
        assertFalse(message.contains("\n"), message);
    }

    private static String value(Options options, String name) {
        Object value = options.byName().get(name);
        return value instanceof Boolean flag ? flag ? "1" : "0" : String.valueOf(value);
    }

    @Test
    void theFirstEditUnlessToldOtherwise() throws Exception {
        Options options = options(FILE);
        assertEquals(SOURCE, options.source());
        assertEquals("watercolor painting of " + SOURCE, options.prompt());
        assertEquals(FILE.toString(), options.preset());
        Map<String, String> expected = Map.ofEntries(Map.entry("window", "4"), Map.entry("steps", "5"), Map.entry("guidance", "6.0"),
                Map.entry("self_replace", "0.1-0.75"), Map.entry("cross_replace", "0.8+watercolor=0.2-1"), Map.entry("control", "refine"),
                Map.entry("emphasize", "watercolor=10"), Map.entry("blend", ""), Map.entry("blend_latents", "0"),
                Map.entry("keys", "mid+-1"), Map.entry("keys_at", "64ch"), Map.entry("fuse_at", "32"),
                Map.entry("attention", "inversion"), Map.entry("norm", "window"),
                Map.entry("parity", "1"), Map.entry("size", "0"), Map.entry("negative", ""));
        expected.forEach((name, value) -> assertEquals(value, value(options, name), name));
    }

    @Test
    void anotherEditIsPickedByItsNumber() throws Exception {
        assertEquals(SOURCE, options(FILE, "edit", "0").prompt());
        assertEquals("0.9", options(FILE, "edit", "0").self_replace());
        Options options = options(FILE, "edit", "2");
        assertEquals("a blue bus driving down a road", options.prompt());
        Map.of("control", "replace", "blend", "red+jeep/blue+bus", "threshold", "0.4", "blend_attention", "1", "blend_latents", "1",
                "cross_replace", "0.5", "self_replace", "0.5", "emphasize", "")
                .forEach((name, value) -> assertEquals(value, value(options, name), name));
        for (String wrong : new String[] {"4", "-1", "one", ""}) {
            fails(FILE, "edit=" + wrong + ": expected one of the editing_prompts of " + FILE + ": 0 '" + SOURCE + "', 1 'watercolor ",
                    "edit", wrong);
        }
        assertEquals(SOURCE, options(changed("        watercolor painting of a red jeep driving down a road,\n"
                + "        a blue bus driving down a road,\n        a jeep]", "]")).prompt(), "the only one");
        String message = assertThrows(IllegalArgumentException.class,
                () -> OptionResolver.resolve(Map.of("preset", "monet", "edit", "1"), new UserTexts(), host)).getMessage();
        assertTrue(message.contains("edit=1") && message.contains("preset=monet"), message);
    }

    /** Every field that changes the result of the authors' code, changed: {@code edit | from | to | option | value}. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "1 | n_sample_frame: 4            | n_sample_frame: 1        | window       | 1",
        "1 | n_sample_frame: 4            | #                        | window       | 8",
        "1 | num_inference_steps: 5       | num_inference_steps: 50  | steps        | 50",
        "1 | guidance_scale: 6            | guidance_scale: 7.5      | guidance     | 7.5",
        "1 | guidance_scale: 6            | #                        | guidance     | 7.0",
        "1 | stride: 80                   | image_size: 256          | size         | 256",
        "1 | use_inversion_attention: True | use_inversion_attention: false | attention | reconstruction",
        "1 | use_inversion_attention: True | #                       | attention    | inversion",
        "1 | ['mid', -1]                  | ['first', 'last', 'middle', 1] | keys   | first+last+mid+1",
        "1 | ['mid', -1]                  | []                       | keys         | self",
        "1 | SparseCausalAttention_index: ['mid', -1] | #            | keys         | -1+first",
        "1 | least_sc_channel: 64         | least_sc_channel: 1280   | keys_at      | 1280ch",
        "1 | least_sc_channel: 64         | #                        | keys_at      | 0ch",
        "1 | [0.1, 0.75]                  | 0.45                     | self_replace | 0.45",
        "1 | [0.1, 0.75]                  | 1                        | self_replace | 1",
        "1 | [0.1, 0.75]                  | 0.00001                  | self_replace | 0.00001",
        "1 | watercolor: [0.2, 1.0]       | road: 0.3                | cross_replace | 0.8+road=0.3",
        "1 | default_: 0.8                | painting: 0.4            | cross_replace | 1+painting=0.4+watercolor=0.2-1",
        "1 | values: [10, 2]              | values: [0.5, 2]         | emphasize    | watercolor=0.5",
        "1 | `[\"watercolor\", \"sculpture\"]` | [watercolor, a, road]  | emphasize  | watercolor=10+a=2",
        "1 | `[\"watercolor\", \"sculpture\"]` | watercolor             | emphasize  | watercolor=10",
        "1 | values: [10, 2]              | values: []               | emphasize    | ``",
        "1 | self_replace_steps: [        | negative_prompt: people, self_replace_steps: [ | negative | ``",
        "2 | is_replace_controller: True  | is_replace_controller: False | control  | refine",
        "2 | is_replace_controller: True  | #                        | control      | replace",
        "2 | a blue bus driving down      | a blue bus driving right down | control | refine",
        "2 | blend_th: [0.4, 0.3]         | blend_th: [2, 2]         | threshold    | 2",
        "2 | blend_th: [0.4, 0.3]         | #                        | threshold    | 0.3",
        "2 | blend_self_attention: True   | blend_self_attention: False | blend_attention | 0",
        "2 | blend_self_attention: True   | #                        | blend_attention | 0",
        "2 | blend_latents: True          | blend_latents: False     | blend        | red+jeep",
        "2 | blend_latents: True          | #                        | blend_latents | 0",
        "2 | `[['red', 'jeep'], [\"blue\", 'bus']]` | [jeep, bus]    | blend        | jeep/bus",
        "2 | `[['red', 'jeep'], [\"blue\", 'bus']]` | [[jeep]]       | blend        | jeep/",
        "2 | `[['red', 'jeep'], [\"blue\", 'bus']]` | None           | blend        | ``",
        "2 | `[['red', 'jeep'], [\"blue\", 'bus']]` | [[Jeep, red], [bus, Bus]] | blend | red/bus",
        "2 | `[['red', 'jeep'], [\"blue\", 'bus']]` | [[jeep], [train]] | blend     | jeep/",
        "2 | `[['red', 'jeep'], [\"blue\", 'bus']]` | [[cat], [bus]]  | blend       | /bus",
        "2 | `[['red', 'jeep'], [\"blue\", 'bus']]` | [[cat], [cat]]  | blend       | /",
        "1 | prompt2prompt_edit: True     | prompt2prompt_edit: False | self_replace | 0",
        "2 | prompt2prompt_edit: True     | #                        | cross_replace | 0",
        "2 | prompt2prompt_edit: True     | #                        | blend        | ``",
        "3 | self_replace_steps: 0.9      | self_replace_steps: 0.3  | self_replace | 0.3"})
    void eachFieldChangesItsOption(String edit, String from, String to, String name, String value) throws Exception {
        if (name.equals("negative")) {
            Path file = changed("is_replace_controller: True", "negative_prompt: 'people'\n            is_replace_controller: True");
            assertEquals("people", options(file, "edit", "2").negative());
            return;
        }
        assertEquals(value, value(options(changed(from, to), "edit", edit), name));
    }

    @Test
    void whatIsSetBesideItWins() throws Exception {
        Options options = options(FILE, "steps", "2", "window", "3", "prompt", "a cartoon jeep", "norm", "frame", "parity", "0");
        assertEquals("2 3 frame false a cartoon jeep",
                options.steps() + " " + options.window() + " " + options.norm() + " " + options.parity() + " " + options.prompt());
        assertEquals("", options.emphasize(), "its words are not in this prompt");
        assertEquals(3, options(changed("n_sample_frame: 4", "n_sample_frame: -1"), "window", "3").window());
        assertEquals("a bus", options(changed("    prompt: a red jeep driving down a road", "    # none"), "source", "a bus").source());
        Path prompts = Files.writeString(folder.resolve("prompt.txt"), "a watercolor\n");
        assertEquals("watercolor=10", options(FILE, "promptfile", prompts.toString()).emphasize());
    }

    @Test
    void whatDoesNotCountIsToldInOneLineEach() throws Exception {
        Path file = changed("model_config:", "color: blue\nmodel_config:\n    rank: 3");
        OptionResolver.resolve(Map.of("preset", file.toString(), "edit", "1"), new UserTexts(), host);
        assertEquals(4, warnings.size(), warnings.toString());
        assertTrue(warnings.get(0).contains("eq_params: sculpture is no word of 'watercolor painting"), warnings.get(0));
        assertEquals(file + ": unknown and not used: color, model_config.rank", warnings.get(1));
        assertTrue(warnings.get(2).contains("pretrained_model_path './models/stable-diffusion-v1-4'") && warnings.get(2).contains("model="),
                warnings.get(2));
        assertTrue(warnings.get(3).endsWith("before this filter put trim=start_frame=2:end_frame=12,select='not(mod(n,3))',"
                + "setpts=N/FRAME_RATE/TB,format=rgb24,crop=iw-8:ih-8:8:4,scale='max(512,trunc(512/ih*iw))':'max(512,trunc(512/iw*ih))':"
                + "flags=bilinear+full_chroma_inp,crop=512:512:trunc((iw-512)/2):trunc((ih-512)/2),setsar=1"), warnings.get(3));
        assertEquals(List.of(file + ": without meaning in a filter and not used: test_pipeline_config, seed, dataset_config.path, "
                + "dataset_config.stride, editing_config.clip_length, editing_config.sample_seeds, model_config.lora"), notes);
    }

    @Test
    void unknownKeysAreToldOfEveryEditAndOfWhatIsWithin() throws Exception {
        Path file = changed("left: 8,", "left: 8, middle: 3,");
        Files.writeString(file, Files.readString(file).replace("values: [10, 2]", "values: [10, 2]\n                factor: 3")
                .replace("blend_latents: True", "blend_latents: True\n            masked_latents: True\n            start_blend: 0.1"));
        options(file, "edit", "1");
        assertTrue(warnings.contains(file + ": unknown and not used: dataset_config.offset.middle, "
                + "editing_config.p2p_config.1.eq_params.factor, editing_config.p2p_config.2.masked_latents, "
                + "editing_config.p2p_config.2.start_blend"), warnings.toString());
    }

    @Test
    void editsThatAreNotMadeAreTold() throws Exception {
        options(FILE);
        String told = FILE + ": of its edits, 1 'watercolor painting of " + SOURCE + "' is made, and not 2 'a blue bus driving "
                + "down a road', 3 'a jeep'; edit= takes another, or several as in edit=1|2|3, an output each";
        assertEquals(1, warnings.stream().filter(told::equals).count(), warnings.toString());
        warnings.clear();
        options(FILE, "edit", "1");
        options(FILE, "prompt", "a cartoon jeep");
        assertTrue(warnings.stream().noneMatch(warning -> warning.contains("of its edits")), warnings.toString());
    }

    /** {@code from | to | filters}: trim, select and setpts, and the crop of the offset; the rest is the same. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "start_sample_frame: 2  | #                     | trim=end_frame=10,select='not(mod(n,3))',setpts=N/FRAME_RATE/TB,format=rgb24,"
            + "crop=iw-8:ih-8:8:4",
        "sampling_rate: 3       | sampling_rate: 1      | trim=start_frame=2:end_frame=6,setpts=N/FRAME_RATE/TB,format=rgb24,"
            + "crop=iw-8:ih-8:8:4",
        "n_sample_frame: 4      | n_sample_frame: 1     | trim=start_frame=2:end_frame=3,select='not(mod(n,3))',setpts=N/FRAME_RATE/TB,"
            + "format=rgb24,crop=iw-8:ih-8:8:4",
        "n_sample_frame: 4      | #                     | trim=start_frame=2:end_frame=24,select='not(mod(n,3))',setpts=N/FRAME_RATE/TB,"
            + "format=rgb24,crop=iw-8:ih-8:8:4",
        "n_sample_frame: 4      | n_sample_frame: -1    | trim=start_frame=2,select='not(mod(n,3))',setpts=N/FRAME_RATE/TB,"
            + "format=rgb24,crop=iw-8:ih-8:8:4",
        "`left: 8, right: 0, top: 4, bottom: 4` | `left: 8` | trim=start_frame=2:end_frame=12,select='not(mod(n,3))',"
            + "setpts=N/FRAME_RATE/TB,format=rgb24,crop=iw-8:ih-200:8:200",
        "`offset: {left: 8, right: 0, top: 4, bottom: 4}` | # | trim=start_frame=2:end_frame=12,select='not(mod(n,3))',"
            + "setpts=N/FRAME_RATE/TB,format=rgb24"})
    void theFramesThatTheyTakeAreToldAsFilters(String from, String to, String filters) throws Exception {
        options(changed(from, to), "edit", "0", "window", "4");
        assertEquals(1, warnings.size(), warnings.toString());
        assertTrue(warnings.get(0).endsWith("before this filter put " + filters
                + ",scale='max(512,trunc(512/ih*iw))':'max(512,trunc(512/iw*ih))':"
                + "flags=bilinear+full_chroma_inp,crop=512:512:trunc((iw-512)/2):trunc((ih-512)/2),setsar=1"), warnings.get(0));
    }

    @Test
    void aFlagLeftBlankIsFalseAsToPython() throws Exception {
        assertEquals("refine", options(changed("is_replace_controller: True", "is_replace_controller:"), "edit", "2").control());
        assertEquals("replace", options(changed("is_replace_controller: True", "#"), "edit", "2").control());
        assertEquals("reconstruction", options(changed("use_inversion_attention: True", "use_inversion_attention:")).attention());
    }

    @Test
    void attentionOfAReconstructionIsThatOfTheSource() throws Exception {
        Path file = changed("use_inversion_attention: True", "use_inversion_attention: False");
        assertEquals("0.1-0.75", options(file, "edit", "1").self_replace());
        assertEquals(2, warnings.size(), "sculpture, and the frames");
        assertEquals("0", options(file, "edit", "0").self_replace(), "it is the reconstruction");
        warnings.clear();
        options(file, "source", "a jeep");
        assertTrue(warnings.stream().anyMatch(warning -> warning.contains("use_inversion_attention") && warning.contains("'a jeep'")),
                warnings.toString());
        Files.writeString(file, Files.readString(file)
                .replace("self_replace_steps: 0.9", "self_replace_steps: 0.9\n            negative_prompt: blurry"));
        warnings.clear();
        assertEquals("blurry", options(file, "edit", "0").negative());
        assertTrue(warnings.stream().noneMatch(warning -> warning.contains("negative_prompt")), warnings.toString());
        assertEquals("", options(file, "edit", "1").negative());
        assertTrue(warnings.stream().anyMatch(warning -> warning.contains("under the negative_prompt of p2p_config.0, 'blurry'")),
                warnings.toString());
    }

    /** {@code from | to | place, value | expected}. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "n_sample_frame: 4         | n_sample_frame: 0       | dataset_config.n_sample_frame: '0'        | from 1 to 128",
        "n_sample_frame: 4         | n_sample_frame: 4.5     | dataset_config.n_sample_frame: '4.5'      | whole number",
        "sampling_rate: 3          | sampling_rate: 0        | dataset_config.sampling_rate: '0'         | from 1",
        "left: 8                   | left: wide              | dataset_config.offset.left: 'wide'        | whole number",
        "stride: 80                | image_size: 1           | dataset_config.image_size: '1'            | from 8",
        "num_inference_steps: 5    | num_inference_steps: 0  | editing_config.num_inference_steps: '0'   | from 1 to 1000",
        "guidance_scale: 6         | guidance_scale: high    | editing_config.guidance_scale: 'high'     | from 1 to 50",
        "use_invertion_latents: True | use_invertion_latents: False | editing_config.use_invertion_latents: 'false' | true",
        "use_inversion_attention: True | use_inversion_attention: maybe | editing_config.use_inversion_attention: 'maybe' | true or false",
        "`\"${dataset_config.prompt}\"` | another               | editing_config.source_prompt: 'another'   | one source",
        "`\"${dataset_config.prompt}\"` | `\"${dataset.prompt}\"` | editing_config.source_prompt: '${dataset.prompt}' "
            + "| a place in this file",
        "    prompt: a red jeep driving down a road | # | dataset_config.prompt: not set  | what the clip shows",
        "p2p_config:               | p2p:                    | editing_config.p2p_config.1: not set      "
            + "| the settings of the edit 'watercolor",
        "[0.1, 0.75]               | 1.5                     | p2p_config.1.self_replace_steps: '1.5'    | a share of the steps",
        "[0.1, 0.75]               | [0.5, 0.2]              | p2p_config.1.self_replace_steps: a list   | a share of the steps",
        "[0.1, 0.75]               | [0.5]                   | p2p_config.1.self_replace_steps: a list   | a share of the steps",
        "[0.1, 0.75]               | {a: 1}                  | p2p_config.1.self_replace_steps: several fields | a share of the steps",
        "self_replace_steps: [0.1, 0.75] | #                 | p2p_config.1.self_replace_steps: not set  | a share of the steps",
        "watercolor: [0.2, 1.0]    | watercolor: all         | p2p_config.1.cross_replace_steps.watercolor: 'all' | a share of the steps",
        "watercolor: [0.2, 1.0]    | a+b: 1                  | p2p_config.1.cross_replace_steps: several fields | not 'a+b'",
        "values: [10, 2]           | values: [ten, 2]        | p2p_config.1.eq_params.values.0: 'ten'    | a factor",
        "values: [10, 2]           | values: [10, 5000]      | p2p_config.1.eq_params.values.1: '5000'   | a factor",
        "`[\"watercolor\", \"sculpture\"]` | [[a]]           | p2p_config.1.eq_params.words.0: a list    | a word",
        "`        1:`              | `        1: [x]\n        4:` | p2p_config.1: a list                | the settings of the edit",
        "['mid', -1]               | mid                     | model_config.SparseCausalAttention_index: 'mid' "
            + "| a list of first, mid, last",
        "['mid', -1]               | [middling]              | model_config.SparseCausalAttention_index.0: 'middling' "
            + "| whole number",
        "least_sc_channel: 64      | least_sc_channel: -1    | model_config.least_sc_channel: '-1'       | whole number",
        "lora: 160                 | temporal_downsample: True | model_config.temporal_downsample: 'true' | none"})
    void aWrongFieldIsToldWithItsPlaceAndWhatWasExpected(String from, String to, String told, String expected) throws Exception {
        Path file = changed(from, to.replace("\\n", "\n"));
        String message = assertThrows(IllegalArgumentException.class, () -> options(file)).getMessage();
        assertTrue(message.startsWith(file + ": ") && message.contains(told), message);
        assertTrue(message.contains("expected ") && message.contains(expected), message);
        assertFalse(message.contains("\n"), message);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "`[['red', 'jeep'], [\"blue\", 'bus']]` | [[4], [bus]] | p2p_config.2.blend_words.0.0: '4' | a word, in quotes",
        "`[['red', 'jeep'], [\"blue\", 'bus']]` | [['-'], [bus]] | p2p_config.2.blend_words: a list | not '-'",
        "`[['red', 'jeep'], [\"blue\", 'bus']]` | jeep           | p2p_config.2.blend_words: 'jeep' "
            + "| the words of the source and those of the prompt",
        "blend_th: [0.4, 0.3]      | blend_th: [3, 3]        | p2p_config.2.blend_th.0: '3'      | from 0 to 2",
        "blend_latents: True       | blend_latents: 3        | p2p_config.2.blend_latents: '3'   | true or false"})
    void aWrongFieldOfABlendIsToldToo(String from, String to, String told, String expected) throws Exception {
        Path file = changed(from, to);
        fails(file, told, "edit", "2");
        fails(file, expected, "edit", "2");
    }

    @Test
    void blendWordsThatTheSourceLacksLeaveAllSelfAttentionToTheSource() throws Exception {
        Path file = changed("[['red', 'jeep'], [\"blue\", 'bus']]", "[[cat], [cat]]");
        Files.writeString(file, Files.readString(file).replace("blend_latents: True", "blend_latents: False"));
        assertEquals("", options(file, "edit", "2").blend());
        assertTrue(warnings.get(0).contains("blend_words: cat is no word of '" + SOURCE + "'"), warnings.toString());
    }

    /** With -Dauthors, the folder of the configuration files in the authors' repository. */
    @ParameterizedTest
    @EnabledIfSystemProperty(named = "authors", matches = ".+")
    @ValueSource(strings = {"low_resource_teaser/jeep_watercolor_ddim_10_steps", "style/jeep_watercolor", "style/sun_flower_van_gogh",
        "style/surf_ukiyo", "attribute/squ_carrot_robot_eggplant", "attribute/swan_swa", "attribute/bear_tiger_lion_leopard",
        "shape/jeep_posche", "teaser/jeep_posche_local_latent_blend", "tune/jeep"})
    void theAuthorsOwnFilesAreRead(String name) throws Exception {
        Path file = Path.of(System.getProperty("authors"), name + ".yaml");
        Options options = options(file);
        assertFalse(options.prompt().equals(options.source()));
        assertTrue(warnings.stream().noneMatch(warning -> warning.contains("unknown")), warnings.toString());
        assertEquals(name.contains("surf") ? 1 : 8, options.window());
        assertEquals(name.contains("latent_blend") ? 7 : 7.5, options.guidance());
    }
}
