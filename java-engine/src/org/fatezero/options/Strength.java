package org.fatezero.options;

import org.fatezero.options.words.Words;

import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The option {@code strength}: from the source, 0, to the prompt alone, 1.
 *
 * <p>At 0.5 an edit is what its preset says. Below, it starts from less noise: {@code start} falls
 * to 0, where the frames come back as they were. Above, it keeps less of the source: {@code self_replace},
 * {@code cross_replace}, {@code inject}, {@code inject_kv} and {@code threshold} fall to 0, where the prompt alone decides.
 */
final class Strength {

    private static final double AS_THE_PRESET_SAYS = 0.5;

    private Strength() {
    }

    /**
     * Moves the options that {@code strength} moves, but those in {@code fixed}.
     *
     * @param options with {@code strength} and all that it moves
     * @throws IllegalArgumentException if {@code strength} is not within 0 to 1
     */
    static void apply(Map<String, String> options, Set<String> fixed) {
        double strength = Options.number("strength", options.get("strength"));
        Options.range("strength", strength, 0, 1);
        if (strength < AS_THE_PRESET_SAYS) {
            // squared, for half of the noise already lets most of an edit through
            scale(options, fixed, "start", Math.pow(strength / AS_THE_PRESET_SAYS, 2));
        } else if (strength > AS_THE_PRESET_SAYS) {
            double kept = kept(strength);
            scale(options, fixed, "self_replace", kept);
            scale(options, fixed, "cross_replace", kept);
            scale(options, fixed, "inject", kept);
            scale(options, fixed, "inject_kv", kept);
            scale(options, fixed, "confine", kept);
            if (!namesWhatStays(options.getOrDefault("blend", ""))) {
                scale(options, fixed, "threshold", kept);
            }
        }
    }

    /** How much of what an edit keeps of its source is left, 0 to 1. */
    static double kept(double strength) {
        return Math.min(1, (1 - strength) / (1 - AS_THE_PRESET_SAYS));
    }

    /** Of several regions that which begins so is all that the others leave. */
    private static boolean namesWhatStays(String blend) {
        return blend.strip().startsWith(Words.NOT) && blend.split(Words.EACH, -1).length == 1;
    }

    private static void scale(Map<String, String> options, Set<String> fixed, String name, double factor) {
        if (!fixed.contains(name)) {
            options.put(name, Arrays.stream(options.get(name).split(Words.EACH, -1)).map(one -> Words.split(one).stream()
                    .map(part -> scaled(name, part, factor)).collect(Collectors.joining("+"))).collect(Collectors.joining("|")));
        }
    }

    /** A number, a share of the steps such as {@code 0.2-0.8}, or either after {@code word=}. */
    private static String scaled(String name, String part, double factor) {
        int number = part.indexOf('=') + 1;
        return part.substring(0, number) + Arrays.stream(Words.ends(part.substring(number)))
                .map(end -> decimal(factor * Options.number(name, end))).collect(Collectors.joining("-"));
    }

    private static String decimal(double value) {
        return String.format(Locale.ROOT, "%.6f", value);
    }
}
