package org.fatezero.options.words;

import java.util.Arrays;
import java.util.List;

/** The parts of options that list words, and shares of the steps. */
public final class Words {

    /** Before the words of {@code blend}: they name what must not change. */
    public static final String NOT = "-";

    /** Between the values of an option that has one for each of several pairs or regions: a regular expression. */
    public static final String EACH = "\\|";

    /** The most pairs, or regions: each is set against all others in every layer and step, and presets may come from strangers. */
    public static final int MOST = 16;

    private static final int LINE = 300; // characters

    /** Between the ends of a range: no sign of an exponent, as in {@code 1e-2}. */
    private static final String DASH = "(?<![eE])-";

    private Words() {
    }

    /**
     * The values of a list, of which there are {@code count}, or one for all.
     *
     * @return one or {@code count}
     */
    public static List<String> each(String option, String text, int count) {
        List<String> values = Arrays.stream(text.split(EACH, -1)).map(String::strip).toList();
        if (values.size() != 1 && values.size() != count) {
            throw new IllegalArgumentException(option + "=" + text + " has " + values.size() + " values: expected "
                    + (count == 1 ? "one" : "one, or " + count));
        }
        return values;
    }

    /** A share of the steps: {@code to}, or {@code from-to}, within 0 to 1. */
    public record Share(double from, double to) {

        public static Share parse(String option, String text) {
            String[] ends = ends(text);
            double from = ends.length == 1 ? 0 : number(option, ends[0]);
            double to = number(option, ends[ends.length - 1]);
            if (!(from >= 0 && from <= to && to <= 1)) {
                throw new IllegalArgumentException(option + "=" + text + ": expected a share such as 0.8, or a range such as "
                        + "0.2-0.8, within 0 to 1");
            }
            return new Share(from, to);
        }
    }

    /** The ends of a range, {@code 0.2-0.8}, or the one number that it is. */
    public static String[] ends(String text) {
        return text.split(DASH, 2);
    }

    /** {@code blend_latents}: a range of the steps, or null for none. */
    public static Share latents(String text) {
        Share share = Share.parse("blend_latents", text.strip());
        if (ends(text).length > 1 || share.to > 0 && share.to < 1) {
            return share;
        }
        return share.to == 0 ? null : new Share(0.2, 0.8);
    }

    /** A phrase as {@code blend} names it, without what would be its syntax: {@code black/white cat} as {@code black+white cat}. */
    static String phrase(String text) {
        return text.replaceAll("\\s*[+/|][\\s+/|]*", "+").replaceAll("^\\+|\\+$", "");
    }

    /** Each word of a text, as {@code blend} lists them. */
    public static String listed(String text) {
        return phrase(text).replaceAll("\\s+", "+");
    }

    /** The parts between plus signs; none of an empty text. */
    public static List<String> split(String text) {
        return text.isBlank() ? List.of() : Arrays.stream(text.split("\\+")).map(String::strip).toList();
    }

    /** A text as a line of a log holds it. */
    public static String brief(String text) {
        return text.length() <= LINE ? text : text.substring(0, LINE) + "...";
    }

    public static double number(String option, String text) {
        try {
            return Double.parseDouble(text.strip());
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(option + ": '" + text + "' is not a number", e);
        }
    }
}
