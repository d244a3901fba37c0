package org.fatezero.engine;

import org.fatezero.edit.CrossFusion;
import org.fatezero.text.Prompt;
import org.fatezero.text.Tokenizer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Reads the options that speak of words of a prompt.
 *
 * @param asPublished whether words are what single spaces separate, with their punctuation and case, as in the authors' code
 */
record Words(Tokenizer tokenizer, boolean asPublished) {

    /** Begins a {@code blend} of words that stay as they are. */
    static final String NOT = "-";

    /** A share of the steps: {@code to}, or {@code from-to}, within 0 to 1. */
    record Share(double from, double to) {

        static Share parse(String option, String text) {
            int dash = text.indexOf('-');
            double from = dash < 0 ? 0 : number(option, text.substring(0, dash));
            double to = number(option, text.substring(dash + 1));
            if (!(from >= 0 && from <= to && to <= 1)) {
                throw new IllegalArgumentException(option + "=" + text + ": expected a share such as 0.8, or a range such as "
                        + "0.2-0.8, within 0 to 1");
            }
            return new Share(from, to);
        }
    }

    /** {@code blend_latents}: a range of the steps, or null for none. */
    static Share latents(String text) {
        return switch (text.strip()) {
            case "0" -> null;
            case "1" -> new Share(0.2, 0.8);
            default -> Share.parse("blend_latents", text.strip());
        };
    }

    /** {@code cross_replace}: one share for all tokens, then those of single words. */
    List<CrossFusion.Gate> gates(String text, Prompt target) {
        List<CrossFusion.Gate> gates = new ArrayList<>();
        for (String part : split(text)) {
            int equals = part.indexOf('=');
            int[] tokens;
            if (equals < 0) {
                tokens = new int[target.ids().length];
                Arrays.setAll(tokens, i -> i);
            } else {
                tokens = find("cross_replace", part.substring(0, equals), target);
            }
            Share share = Share.parse("cross_replace", part.substring(equals + 1));
            gates.add(new CrossFusion.Gate(tokens, share.from, share.to));
        }
        return gates;
    }

    /** {@code emphasize}: a factor for each token of the prompt, 1 unless its word is listed. */
    float[] emphasis(String text, Prompt target) {
        float[] factors = new float[target.ids().length];
        Arrays.fill(factors, 1);
        for (String part : split(text)) {
            int equals = part.indexOf('=');
            if (equals < 1) {
                throw new IllegalArgumentException("emphasize=" + text + ": expected word=factor, joined by +");
            }
            double factor = number("emphasize", part.substring(equals + 1));
            if (!(Math.abs(factor) <= 1000)) {
                throw new IllegalArgumentException("emphasize=" + text + ": expected factors from -1000 to 1000");
            }
            for (int token : find("emphasize", part.substring(0, equals), target)) {
                factors[token] = (float) factor;
            }
        }
        return factors;
    }

    /** The tokens of {@code blend}'s words in the source. */
    int[] sourceBlend(String text, Prompt source) {
        return tokens("blend", split(blended(text).split("/", 2)[0]), source);
    }

    /** The tokens of {@code blend}'s words in the target: those after the slash, or else the source's that it shares, if any. */
    int[] targetBlend(String text, Prompt target) {
        String[] halves = blended(text).split("/", 2);
        if (halves.length == 2) {
            return halves[1].isBlank() ? new int[0] : tokens("blend", split(halves[1]), target);
        }
        return split(halves[0]).stream().filter(word -> has(word, target)).flatMapToInt(word -> Arrays.stream(find("blend", word, target)))
                .distinct().sorted().toArray();
    }

    private static String blended(String text) {
        return text.startsWith(NOT) ? text.substring(NOT.length()) : text;
    }

    /** Whether all words that plus signs join are in the prompt, and there is one. */
    boolean has(String text, Prompt prompt) {
        try {
            return tokens("", split(text), prompt).length > 0;
        } catch (IllegalArgumentException absent) {
            return false;
        }
    }

    /** The tokens of all of the words. */
    int[] tokens(String option, List<String> words, Prompt prompt) {
        if (words.isEmpty()) {
            throw new IllegalArgumentException(option + " names no word of the prompt '" + prompt.text() + "'");
        }
        return words.stream().flatMapToInt(word -> Arrays.stream(find(option, word, prompt))).distinct().sorted().toArray();
    }

    private int[] find(String option, String word, Prompt prompt) {
        try {
            return asPublished ? prompt.findSpaced(word) : prompt.find(word, tokenizer);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(option + ": " + e.getMessage());
        }
    }

    /** The parts between plus signs; none of an empty text. */
    static List<String> split(String text) {
        return text.isBlank() ? List.of() : Arrays.stream(text.split("\\+")).map(String::strip).toList();
    }

    private static double number(String option, String text) {
        try {
            return Double.parseDouble(text.strip());
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(option + ": '" + text + "' is not a number");
        }
    }
}
