package org.fatezero.options.authors;

import org.fatezero.io.Log;
import org.fatezero.io.UserTexts;

import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A configuration file of the authors' code as options: with the same model and frames, the same edit. Its defaults are
 * theirs ({@code P2pSampleLogger}, {@code make_controller}, {@code ImageSequenceDataset}). As there, words that a prompt lacks are
 * ignored, but here with a warning.
 */
public final class Configuration {

    private static final String SHARE = "a share of the steps from 0 to 1, or a pair of them such as [0.2, 0.8]";
    private static final String WORD = "(?!-)[^+=/{}]+"; // what an option that lists words can spell

    private final Yaml yaml;
    private final Log log;
    private final Yaml.Field dataset;
    private final Yaml.Field editing;
    private final Yaml.Field model;
    private final ConfigurationFields fields = new ConfigurationFields();
    private final Map<String, String> options = new LinkedHashMap<>();

    private Configuration(Yaml yaml, Log log) {
        this.yaml = yaml;
        this.log = log;
        dataset = yaml.top().at("dataset_config");
        editing = yaml.top().at("editing_config");
        model = yaml.top().at("model_config");
    }

    /**
     * What {@code file} sets.
     *
     * @param given what is set beside it and wins; its prompts are those that words are looked up in
     * @param log is told what of the file has no meaning here, what is unknown, and which words are missing
     * @throws IllegalArgumentException for a field that cannot be, naming it, its value and what was expected
     */
    public static Map<String, String> options(Path file, Map<String, String> given, UserTexts texts, Log log) throws IOException {
        return new Configuration(Yaml.read(file, texts), log).translate(given);
    }

    private Map<String, String> translate(Map<String, String> given) {
        String source = source(given);
        List<String> prompts = editing.at("editing_prompts").list().stream().map(prompt -> prompt.text("a prompt")).toList();
        String caption = dataset.at("prompt").isSet() ? dataset.at("prompt").text("a prompt") : source;
        int number = number(given.getOrDefault("edit", "auto"), prompts, caption);
        if (!given.containsKey("edit") && !given.containsKey("prompt")) {
            tellOthers(number, prompts, caption);
        }
        options.put("source", source);
        options.put("prompt", prompts.get(number));
        String prompt = given.getOrDefault("prompt", prompts.get(number));
        fields.note("", "", yaml.top());
        List.of("dataset_config", "editing_config", "model_config").forEach(name -> fields.note(name, name, yaml.top().at(name)));
        fields.note("offset", "dataset_config.offset", dataset.at("offset"));
        IntStream.range(0, prompts.size()).forEach(i -> fields.noteEdit("editing_config.p2p_config." + i, editing.at("p2p_config").at(i)));
        clip(given);
        network();
        if (editing.at("prompt2prompt_edit").flag(false)) {
            Yaml.Field edit = editing.at("p2p_config").at(number);
            if (!edit.isMap()) {
                throw edit.wrong("the settings of the edit '" + prompt + "'");
            }
            negative(edit);
            boolean reconstructs = options.get("attention").equals("reconstruction");
            if (reconstructs) {
                reconstruction(prompts.get(0), source);
            }
            if (reconstructs && number == 0) { // their first edit is the reconstruction itself
                unfused();
            } else {
                controller(edit, source, prompt);
                blending(edit, source, prompt);
            }
        } else {
            unfused();
        }
        tell(given);
        return options;
    }

    private void unfused() {
        options.put("self_replace", "0");
        options.put("cross_replace", "0");
    }

    private void negative(Yaml.Field edit) {
        if (edit.at("negative_prompt").isSet()) {
            options.put("negative", edit.at("negative_prompt").text("what the edit should not show"));
        }
    }

    /** Their reconstruction is the first edit, whatever that is; here it is the source's, under the negative prompt of the edit itself. */
    private void reconstruction(String first, String source) {
        if (!first.equals(source)) {
            log.log(Log.WARNING, yaml.name() + ": use_inversion_attention: the authors' code takes the attention of "
                    + "editing_prompts.0, '" + first + "'; here it is that of the source, '" + source + "'");
        }
        Yaml.Field negative = editing.at("p2p_config").at(0).at("negative_prompt");
        String theirs = negative.isSet() ? negative.text("what the edit should not show") : "";
        String ours = options.getOrDefault("negative", "");
        if (!theirs.equals(ours)) {
            log.log(Log.WARNING, yaml.name() + ": use_inversion_attention: the authors' code takes the attention under the "
                    + "negative_prompt of p2p_config.0, '" + theirs + "'; here it is that of the edit, '" + ours + "'");
        }
    }

    private String source(Map<String, String> given) {
        Yaml.Field caption = dataset.at("prompt");
        if (given.containsKey("source")) {
            return given.get("source");
        }
        String source = caption.text("what the clip shows");
        Yaml.Field other = editing.at("source_prompt");
        if (other.isSet() && !other.text("a prompt").equals(source)) {
            throw other.wrong("the prompt of dataset_config, or none: the clip has one source");
        }
        return source;
    }

    /** Which of the editing prompts is meant; the first that is not the source unless the user says. */
    private int number(String asked, List<String> prompts, String source) {
        if (prompts.isEmpty()) {
            throw editing.at("editing_prompts").wrong("a list of prompts");
        }
        if (asked.equals("auto")) {
            return edits(prompts, source).findFirst().orElse(0);
        }
        int number = asked.matches("\\d{1,4}") ? Integer.parseInt(asked) : prompts.size();
        if (number >= prompts.size()) {
            throw new IllegalArgumentException("edit=" + asked + ": expected one of the editing_prompts of " + yaml.name() + ": "
                    + listed(IntStream.range(0, prompts.size()), prompts));
        }
        return number;
    }

    /** Those of the prompts that are not the source. */
    private static IntStream edits(List<String> prompts, String source) {
        return IntStream.range(0, prompts.size()).filter(i -> !plain(prompts.get(i)).equals(plain(source)));
    }

    private static String listed(IntStream numbers, List<String> prompts) {
        return numbers.mapToObj(i -> i + " '" + prompts.get(i) + "'").collect(Collectors.joining(", "));
    }

    private void tellOthers(int number, List<String> prompts, String source) {
        String others = listed(edits(prompts, source).filter(i -> i != number), prompts);
        if (!others.isEmpty()) {
            log.log(Log.WARNING, yaml.name() + ": of its edits, " + number + " '" + prompts.get(number) + "' is made, and not " + others
                    + "; edit= takes another, or several as in edit="
                    + edits(prompts, source).mapToObj(Integer::toString).collect(Collectors.joining("|")) + ", an output each");
        }
    }

    private static String plain(String prompt) {
        return prompt.strip().replaceAll("[,.\\s]+$", "").toLowerCase(Locale.ROOT);
    }

    private void clip(Map<String, String> given) {
        Yaml.Field frames = dataset.at("n_sample_frame");
        if (frames.isSet() && !given.containsKey("window")) {
            options.put("window", Integer.toString(frames.whole(1, 128)));
        }
        Yaml.Field steps = editing.at("num_inference_steps");
        if (steps.isSet()) {
            options.put("steps", Integer.toString(steps.whole(1, 1000)));
        }
        Yaml.Field guidance = editing.at("guidance_scale");
        options.put("guidance", guidance.isSet() ? text(guidance.number(1, 50, "a number from 1 to 50")) : "7");
        Yaml.Field size = dataset.at("image_size");
        if (size.isSet()) {
            options.put("size", Integer.toString(size.whole(8, 4096)));
        }
        if (!editing.at("use_invertion_latents").flag(true)) {
            throw editing.at("use_invertion_latents").wrong("true: an edit starts from the inverted clip");
        }
        options.put("attention", editing.flag("use_inversion_attention", true) ? "inversion" : "reconstruction");
    }

    /** The spatial-temporal attention, and what else their network does by itself. */
    private void network() {
        Yaml.Field keys = model.at("SparseCausalAttention_index");
        String expected = "a list of first, mid, last and numbers relative to the frame, such as [-1, 'first']";
        if (keys.isSet() && !keys.isList()) {
            throw keys.wrong(expected);
        }
        String selectors = keys.list().stream().map(key -> switch (key.text(expected)) {
            case "first", "last", "mid" -> key.text(expected);
            case "middle" -> "mid";
            default -> Integer.toString(key.whole(-128, 128));
        }).collect(Collectors.joining("+"));
        String frames = selectors.isEmpty() ? "self" : selectors;
        options.put("keys", keys.isSet() ? frames : "-1+first");
        Yaml.Field least = model.at("least_sc_channel");
        options.put("keys_at", least.isSet() ? least.whole(0, 1_000_000) + "ch" : "0ch");
        for (Yaml.Field down : List.of(model.at("temporal_downsample"), model.at("temporal_downsample_time"))) {
            if (down.isSet() && !down.text("false").equals("false") && !down.text("0").equals("0")) {
                throw down.wrong("none: no published setting drops frames within the network, and this one does not");
            }
        }
        options.put("fuse_at", "32");
        options.put("solver", "ddim");
        options.put("norm", "window");
        options.put("parity", "1");
    }

    private void controller(Yaml.Field edit, String source, String prompt) {
        boolean sameLength = source.split(" ", -1).length == prompt.split(" ", -1).length;
        options.put("control", edit.flag("is_replace_controller", true) && sameLength ? "replace" : "refine");
        options.put("self_replace", share(edit.at("self_replace_steps")));
        Yaml.Field cross = edit.at("cross_replace_steps");
        List<String> gates = new ArrayList<>();
        if (cross.isMap()) {
            gates.add(cross.at("default_").isSet() ? share(cross.at("default_")) : "1");
            List<String> words = cross.keys().stream().filter(word -> !word.equals("default_")).toList();
            there("cross_replace_steps", cross, words, prompt).forEach(word -> gates.add(word + "=" + share(cross.at(word))));
        } else {
            gates.add(share(cross));
        }
        options.put("cross_replace", String.join("+", gates));
        Yaml.Field emphasis = edit.at("eq_params");
        if (emphasis.isSet()) {
            List<String> words = texts(emphasis.at("words"));
            List<Yaml.Field> values = emphasis.at("values").list();
            Map<String, String> factors = new LinkedHashMap<>(); // of words and values as far as both reach
            for (int i = 0; i < Math.min(words.size(), values.size()); i++) {
                factors.put(words.get(i), text(values.get(i).number(-1000, 1000, "a factor from -1000 to 1000")));
            }
            options.put("emphasize", there("eq_params", emphasis, List.copyOf(factors.keySet()), prompt).stream()
                    .map(word -> word + "=" + factors.get(word)).collect(Collectors.joining("+")));
        }
    }

    private void blending(Yaml.Field edit, String source, String prompt) {
        Yaml.Field words = edit.at("blend_words");
        boolean attention = edit.at("blend_self_attention").flag(false);
        boolean latents = edit.at("blend_latents").flag(false);
        if (!words.isSet() || !attention && !latents) {
            return;
        }
        if (!words.isList() || words.list().isEmpty()) {
            throw words.wrong("the words of the source and those of the prompt, such as [['jeep'], ['car']]");
        }
        List<String> ofSource = there("blend_words", words, texts(words.at(0)), source);
        List<String> ofPrompt = latents ? there("blend_words", words, texts(words.at(1)), prompt) : List.of();
        if (ofSource.isEmpty() && !latents) {
            return; // their mask is empty then, and all self-attention the source's, as without one
        }
        options.put("blend", String.join("+", ofSource) + (latents ? "/" + String.join("+", ofPrompt) : ""));
        options.put("blend_attention", attention ? "1" : "0");
        options.put("blend_latents", latents ? "1" : "0");
        List<Yaml.Field> thresholds = edit.at("blend_th").list(); // the second is for words that are subtracted, which none are
        options.put("threshold", thresholds.isEmpty() ? "0.3" : text(thresholds.get(0).number(0, 2, "a number from 0 to 2")));
    }

    /** Those of {@code words} that are words of {@code prompt} to the authors' code; the user is told of the others. */
    private List<String> there(String field, Yaml.Field place, List<String> words, String prompt) {
        for (String word : words) {
            if (!word.matches(WORD)) {
                throw place.wrong("words without + = / { }, or - at their beginning, for an option to name, not '" + word + "'");
            }
        }
        List<String> present = Arrays.asList(prompt.split(" ", -1));
        List<String> missing = words.stream().filter(word -> !present.contains(word)).toList();
        if (!missing.isEmpty()) {
            log.log(Log.WARNING, yaml.name() + ": " + field + ": " + String.join(", ", missing)
                    + (missing.size() == 1 ? " is no word" : " are no words") + " of '" + prompt + "' and changes nothing");
        }
        return words.stream().filter(present::contains).toList();
    }

    private static List<String> texts(Yaml.Field list) {
        return list.list().stream().map(word -> {
            if (word.isNumber()) {
                throw word.wrong("a word, in quotes: their code takes a number for a word's place in the prompt");
            }
            return word.text("a word");
        }).toList();
    }

    /** As an option spells it: {@code 0.8} or {@code 0.2-0.8}. */
    private static String share(Yaml.Field field) {
        if (!field.isList()) {
            return text(field.number(0, 1, SHARE));
        }
        List<Yaml.Field> bounds = field.list();
        if (bounds.size() != 2 || bounds.get(0).number(0, 1, SHARE) > bounds.get(1).number(0, 1, SHARE)) {
            throw field.wrong(SHARE);
        }
        return text(bounds.get(0).number(0, 1, SHARE)) + "-" + text(bounds.get(1).number(0, 1, SHARE));
    }

    /** In plain digits, as a user writes them. */
    private static String text(double number) {
        return BigDecimal.valueOf(number).stripTrailingZeros().toPlainString();
    }

    private void tell(Map<String, String> given) {
        fields.tell(yaml.name(), log);
        Yaml.Field path = yaml.top().at("pretrained_model_path");
        if (path.isSet() && !given.containsKey("model")) {
            log.log(Log.WARNING, yaml.name() + ": pretrained_model_path '" + path.text("a folder") + "' is a place on another machine; "
                    + "without model=, a folder or a hub name, the built-in model edits");
        }
        log.log(Log.WARNING, yaml.name() + ": the authors' code edits these frames of a clip, at this size, and here "
                + "all that come are edited; before this filter put " + ConfigurationFrames.filters(dataset));
    }
}
