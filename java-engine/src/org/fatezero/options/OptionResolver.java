package org.fatezero.options;

import org.fatezero.io.Log;
import org.fatezero.io.UserPath;
import org.fatezero.io.UserTexts;
import org.fatezero.options.words.Captions;
import org.fatezero.options.words.Example;
import org.fatezero.options.words.Pairs;
import org.fatezero.options.words.Readings;
import org.fatezero.options.words.Words;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Works out which options hold, and what the prompts say, from what the user set and the preset brings. */
public final class OptionResolver {

    private static final List<String> FILLED = List.of("prompt", "prompt2", "negative", "blend", "emphasize", "cross_replace");

    private static final int MOST_PLACEHOLDERS = 64; // of one option
    private static final Map<String, List<String>> PLACEHOLDERS = Map.of("from", List.of("{from}", "{edited}", "{without}", "{rest}"),
            "to", List.of("{to}", "{edited}"));
    private static final Map<String, String> WORDS = Map.of("from", "from=, the words of the source that change",
            "to", "to=, what they change to");

    private static final int MOST_EDITS = 16;

    /** Options of one edit that a reconstruction of the source depends on. */
    private static final Set<String> OF_RECONSTRUCTION = Set.of("guidance", "guidance_interval", "negative", "start");

    /** Options of which {@link Options#AUTO} means what the preset says, or else the default. In the others it is a value or a word. */
    static final Set<String> LEFT_TO_PRESET = Options.names(Trait.IN_PRESETS).stream()
            .filter(name -> !Set.of("prompt", "prompt2", "source", "from", "to", "negative", "emphasize", "blend").contains(name))
            .collect(Collectors.toUnmodifiableSet());

    private OptionResolver() {
    }

    /** @throws IllegalArgumentException if options of a film's next frames differ in what cannot change while it runs */
    public static void requireSameFilm(Options before, Options after) {
        Set<String> ofTheFilm = Options.names(Trait.OF_THE_FILM);
        Map<String, Object> set = after.byName();
        before.byName().forEach((name, value) -> {
            if (ofTheFilm.contains(name) && !value.equals(set.get(name))) {
                throw new IllegalArgumentException(name + "=" + set.get(name) + ": it cannot change as the film runs, and is " + value);
            }
        });
    }

    /**
     * The edits that {@code set} asks for: one, or one for each of {@code presets} or of the numbers in {@code edit}. All that is
     * not {@link Trait#OF_ONE_EDIT} is the same in each.
     *
     * @throws IllegalArgumentException also for edits that cannot share one inversion, naming what they differ in
     */
    public static List<Options> edits(Map<String, String> set, UserTexts texts, Log log) throws IOException {
        String presets = set.getOrDefault("presets", "");
        String[] names = presets.isBlank() ? new String[] {set.get("preset")} : presets.split("\\|", -1);
        String[] numbers = set.getOrDefault("edit", "").split("\\|", -1);
        int count = Math.max(names.length, numbers.length);
        if (presets.isBlank() && count == 1) {
            return List.of(resolve(set, texts, log));
        }
        if (!presets.isBlank() && set.containsKey("preset")) {
            throw new IllegalArgumentException("preset=" + set.get("preset") + " and presets=" + presets + ": give one of them");
        }
        if (count > MOST_EDITS) {
            throw new IllegalArgumentException((names.length == count ? "presets" : "edit") + " names " + count
                    + " edits: expected at most " + MOST_EDITS);
        }
        if (names.length > 1 && numbers.length > 1 && names.length != numbers.length) {
            throw new IllegalArgumentException("presets=" + presets + " names " + names.length + " edits and edit=" + set.get("edit") + " "
                    + numbers.length + ": expected as many, or one for all");
        }
        Set<String> told = new HashSet<>();
        Log once = (level, message) -> {
            if (told.add(message)) {
                log.log(level, message);
            }
        };
        List<Options> edits = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Map<String, String> one = new LinkedHashMap<>(set);
            if (!presets.isBlank()) {
                one.put("preset", one(names, i));
                if (one.get("preset").isEmpty()) {
                    throw new IllegalArgumentException("presets=" + presets + ": expected names or files of presets, joined by |");
                }
            }
            one.put("edit", one(numbers, i));
            if (one.get("edit").isEmpty()) {
                one.remove("edit"); // beside a preset that is no configuration file
            }
            edits.add(resolve(one, texts, once));
        }
        edits.forEach(edit -> requireShared(edits.get(0), edit));
        return edits;
    }

    private static String one(String[] ofAll, int i) {
        return ofAll[ofAll.length == 1 ? 0 : i].strip();
    }

    /**
     * The same edits of a clip that was described by its frames.
     *
     * @param set what is set, without a source
     * @param caption what the clip shows
     * @param judge of the caption and of others, with the words that change in the place of some of its own
     * @throws IllegalArgumentException for words that an edit changes and that no likely caption has
     */
    public static List<Options> described(Map<String, String> set, UserTexts texts, String caption, Readings.Judge judge, Log log)
            throws IOException {
        Map<String, String> described = new LinkedHashMap<>(set);
        String from = edits(set, texts, log).get(0).from().strip();
        for (String each : from.split(Words.EACH)) {
            String words = each.strip();
            if (!words.isEmpty()) {
                caption = Captions.with(caption, words);
                caption = Captions.has(caption, words) ? caption : Readings.likeliest(caption, words, judge);
            }
        }
        described.put("source", caption);
        return edits(described, texts, log);
    }

    private static void requireShared(Options first, Options other) {
        Map<String, Object> others = shared(other);
        shared(first).forEach((name, value) -> {
            if (!value.equals(others.get(name))) {
                throw new IllegalArgumentException("presets " + first.preset() + " and " + other.preset() + " share one inversion, "
                        + "but have " + name + "=" + value + " and " + name + "=" + others.get(name) + "; set " + name
                        + "= beside presets=, for all of them");
            }
        });
    }

    /** The options that edits of one inversion share, with their values. */
    public static Map<String, Object> shared(Options options) {
        Map<String, Object> shared = options.byName();
        Set<String> ofOneEdit = Options.names(Trait.OF_ONE_EDIT);
        boolean reconstructs = options.attention().equals("reconstruction");
        shared.keySet().removeIf(name -> ofOneEdit.contains(name) && !(reconstructs && OF_RECONSTRUCTION.contains(name)));
        return shared;
    }

    /**
     * The options of {@code set} over those of its preset over the defaults, with every placeholder filled in. A prompt
     * without a preset stands alone; neither means the default preset.
     *
     * @param asked what is set; {@code auto} leaves one of {@link #LEFT_TO_PRESET} to the preset
     * @param log is told what of the preset does not count
     */
    public static Options resolve(Map<String, String> asked, UserTexts texts, Log log) throws IOException {
        Map<String, String> set = new LinkedHashMap<>(asked);
        set.entrySet().removeIf(option -> option.getValue().equals(Options.AUTO) && LEFT_TO_PRESET.contains(option.getKey()));
        Map<String, String> defaults = Options.defaults();
        Map<String, String> given = new LinkedHashMap<>();
        if (set.containsKey("promptfile")) {
            List<String> lines = texts.read(UserPath.of("promptfile", set.get("promptfile")), "expected a text file").lines().toList();
            given.put("prompt", lines.isEmpty() ? "" : lines.get(0));
            if (lines.size() > 1) {
                given.put("source", lines.get(1));
            }
        }
        given.putAll(set);
        Map<String, String> options = new LinkedHashMap<>();
        boolean alone = (set.containsKey("prompt") || set.containsKey("promptfile")) && !set.containsKey("preset");
        String preset = alone ? "" : set.getOrDefault("preset", defaults.get("preset"));
        if (!preset.isEmpty()) {
            options.putAll(Preset.load(preset, given, texts, log));
        }
        options.putAll(given);
        options.put("preset", preset);
        if (Options.flag("parity", options.getOrDefault("parity", "0"))) {
            options.putIfAbsent("keys", "mid"); // the authors' code knows no anchor, and leaves frames as they were decoded
            options.putIfAbsent("blend_pixels", "0");
            options.putIfAbsent("steady", "0");
            options.putIfAbsent("detail", "0");
        } else if (!options.getOrDefault("blend", "").isBlank()) {
            options.putIfAbsent("blend_latents", "0.2-1"); // self-attention alone confines shapes, but no style
        }
        if (options.getOrDefault("source", "").isBlank()) {
            options.remove("source");
        }
        defaults.forEach(options::putIfAbsent);
        Speed.apply(options, set.keySet());
        Strength.apply(options, set.keySet());
        fill(options, log);
        return Options.of(options);
    }

    /**
     * The options of an edit to {@code prompt2} in the place of {@code prompt}. Words that it lacks are not emphasised, have no share of
     * {@code cross_replace} of their own, and join no mask.
     *
     * @param has whether it has a word
     */
    public static Options second(Options options, Predicate<String> has) {
        Map<String, String> second = new LinkedHashMap<>();
        options.byName().forEach((name, value) -> second.put(name, value.toString()));
        second.put("prompt", options.prompt2());
        Predicate<String> stays = part -> part.indexOf('=') < 0 || has.test(part.substring(0, part.indexOf('=')));
        for (String ofWords : List.of("emphasize", "cross_replace")) {
            second.put(ofWords, Words.split(second.get(ofWords)).stream().filter(stays).collect(Collectors.joining("+")));
        }
        second.put("blend", Stream.of(options.blend().split(Words.EACH, -1)).map(region -> region.indexOf('/') < 0 ? region
                : region.substring(0, region.indexOf('/') + 1) + Words.split(region.substring(region.indexOf('/') + 1)).stream().filter(has)
                .collect(Collectors.joining("+"))).collect(Collectors.joining("|")));
        if (Stream.of(second.get("blend").split(Words.EACH, -1)).noneMatch(region -> region.matches(".*/.*\\S.*"))) {
            second.put("confine", "0"); // which nobody asked for where no words are left
        }
        return Options.of(second);
    }

    private static void fill(Map<String, String> options, Log log) throws IOException {
        String source = options.get("source");
        String from = options.getOrDefault("from", "").strip();
        String to = options.getOrDefault("to", "").strip();
        String needed = FILLED.stream().map(key -> options.getOrDefault(key, "")).collect(Collectors.joining(" "));
        boolean described = !source.equals(Options.AUTO);
        List<String> missing = Stream.of("from", "to")
                .filter(option -> needs(needed, option) && options.getOrDefault(option, "").isBlank()).toList();
        String example = missing.isEmpty() ? null : Preset.example(options.get("preset"));
        if (!missing.isEmpty() && (described || example == null)) {
            throw new IllegalArgumentException(edit(options) + " needs "
                    + missing.stream().map(WORDS::get).collect(Collectors.joining(", and "))
                    + (example == null ? "" : "; for '" + source + "' say, for instance, fatezero=preset=" + options.get("preset") + ":"
                            + Example.of(example, source)));
        }
        if (!from.isEmpty() && !needs(needed, "from")) {
            log.log(Log.WARNING, "from=" + from + " changes nothing: " + edit(options) + " has none of "
                    + String.join(", ", PLACEHOLDERS.get("from")) + " in its prompt");
        }
        if (options.getOrDefault("prompt", "").isBlank()) {
            throw new IllegalArgumentException(edit(options) + " needs prompt=, what the edited clip shows");
        }
        if (!described) {
            if (missing.isEmpty()) {
                Pairs.of(from, to); // which no description mends
            }
            return; // filled in once the clip is described, in whose words an example is given where words are missing
        }
        Pairs pairs = Pairs.of(from, to);
        String edited = needed.contains("{edited}") ? pairs.edited(source) : source;
        String without = needed.contains("{without}") || needed.contains("{rest}") ? pairs.without(source) : source;
        for (String key : FILLED) {
            if (options.containsKey(key)) {
                requireFillable(options, key, without);
                options.put(key, pairs.fill(key, options.get(key).replace("{source}", source).replace("{edited}", edited)
                        .replace("{without}", without).replace("{rest}", Words.listed(without))));
            }
        }
        if (options.getOrDefault("prompt", "").isBlank()) {
            throw new IllegalArgumentException(edit(options) + " leaves no prompt=: nothing is left of the source '" + source + "'");
        }
    }

    /** A preset may come from a stranger: what it fills in is not to grow without end. */
    private static void requireFillable(Map<String, String> options, String key, String without) {
        String value = options.get(key);
        if (value.chars().filter(c -> c == '{').count() > MOST_PLACEHOLDERS) {
            throw new IllegalArgumentException(edit(options) + " has more than " + MOST_PLACEHOLDERS + " placeholders in " + key + "=");
        }
        if (value.contains("{rest}") && without.isBlank()) {
            throw new IllegalArgumentException(edit(options) + " needs words of the source beside from=" + options.get("from")
                    + ", for what stays as it is: in '" + options.get("source") + "' there are none");
        }
    }

    /** Whether one of the placeholders in {@code values} stands for words of the option {@code from} or {@code to}. */
    static boolean needs(String values, String option) {
        return PLACEHOLDERS.get(option).stream().anyMatch(values::contains);
    }

    private static String edit(Map<String, String> options) {
        return options.get("preset").isEmpty() ? "this edit" : "preset=" + options.get("preset");
    }
}
