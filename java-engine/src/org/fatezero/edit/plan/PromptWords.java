package org.fatezero.edit.plan;

import org.fatezero.io.Log;
import org.fatezero.edit.fatezero.CrossAttentionControl;
import org.fatezero.options.words.Words;
import org.fatezero.text.Prompt;
import org.fatezero.text.Tokenizer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Reads the options that speak of words of a prompt.
 *
 * @param asPublished whether words are what single spaces separate, with their punctuation and case, as in the authors' code
 * @param log is told of words that have no token
 */
public record PromptWords(Tokenizer tokenizer, boolean asPublished, Log log) {

    private static final int MOST = 512; // words of one option, or of one region

    /** {@code cross_replace}: one share for all tokens, then those of single words, in whatever order they are given. */
    public List<CrossAttentionControl.Gate> gates(String text, Prompt target) {
        List<CrossAttentionControl.Gate> gates = new ArrayList<>();
        int ofAll = 0;
        for (String part : requireFew("cross_replace", Words.split(text))) {
            int equals = part.indexOf('=');
            int[] tokens;
            if (equals < 0) {
                tokens = new int[target.ids().length];
                Arrays.setAll(tokens, i -> i);
            } else {
                tokens = find("cross_replace", part.substring(0, equals), target);
            }
            Words.Share share = Words.Share.parse("cross_replace", part.substring(equals + 1));
            gates.add(equals < 0 ? ofAll++ : gates.size(), new CrossAttentionControl.Gate(tokens, share.from(), share.to()));
        }
        return gates;
    }

    /** {@code emphasize}: a factor for each token of the prompt, 1 unless its word is listed. */
    public float[] emphasis(String text, Prompt target) {
        float[] factors = new float[target.ids().length];
        Arrays.fill(factors, 1);
        for (String part : requireFew("emphasize", Words.split(text))) {
            int equals = part.indexOf('=');
            if (equals < 1) {
                throw new IllegalArgumentException("emphasize=" + text + ": expected word=factor, joined by +");
            }
            double factor = Words.number("emphasize", part.substring(equals + 1));
            if (!(Math.abs(factor) <= 1000)) {
                throw new IllegalArgumentException("emphasize=" + text + ": expected factors from -1000 to 1000");
            }
            for (int token : find("emphasize", part.substring(0, equals), target)) {
                factors[token] = (float) factor;
            }
        }
        return factors;
    }

    /**
     * The tokens of {@code blend}'s words in the source. In the authors' code there may be none: then no self-attention is the edit's own,
     * and latents are confined to the prompt's words alone.
     */
    public int[] sourceBlend(String text, Prompt source) {
        List<String> words = Words.split(blended(text).split("/", 2)[0]);
        int[] tokens = asPublished && words.isEmpty() ? new int[0] : tokens("blend", words, source);
        if (tokens.length == 0 && text.startsWith(Words.NOT)) {
            throw new IllegalArgumentException("blend=" + text + " names no word of the source '" + source.text() + "' to leave as it is");
        }
        return tokens;
    }

    /** The tokens of {@code blend}'s words in the target: those after the slash, or else the source's that it shares, if any. */
    public int[] targetBlend(String text, Prompt target) {
        String[] halves = blended(text).split("/", 2);
        if (halves.length == 2) {
            return halves[1].isBlank() ? new int[0] : tokens("blend", Words.split(halves[1]), target);
        }
        return Words.split(halves[0]).stream().filter(word -> has(word, target))
                .flatMapToInt(word -> Arrays.stream(find("blend", word, target))).distinct().sorted().toArray();
    }

    private static String blended(String text) {
        return text.startsWith(Words.NOT) ? text.substring(Words.NOT.length()) : text;
    }

    /** Whether all words that plus signs join are in the prompt, and there is one. */
    public boolean has(String text, Prompt prompt) {
        List<String> words = Words.split(text);
        return !words.isEmpty() && words.stream().allMatch(word -> asPublished ? prompt.hasSpaced(word) : prompt.has(word, tokenizer));
    }

    /** The tokens of all of the words; of several, some may come after what the text encoder sees. */
    public int[] tokens(String option, List<String> named, Prompt prompt) {
        List<String> words = named.stream().distinct().toList();
        if (words.isEmpty()) {
            throw new IllegalArgumentException(option + " names no word of '" + Words.brief(prompt.text()) + "'");
        }
        requireFew(option, words);
        List<String> seen = words.stream().filter(word -> asPublished || !prompt.cuts(word, tokenizer)).toList();
        return (seen.isEmpty() ? words : seen).stream().flatMapToInt(word -> Arrays.stream(find(option, word, prompt)))
                .distinct().sorted().toArray();
    }

    /** Each word is looked for in all of the prompt, and presets may come from strangers. */
    private static List<String> requireFew(String option, List<String> words) {
        if (words.size() > MOST) {
            throw new IllegalArgumentException(option + " names " + words.size() + " words: expected at most " + MOST);
        }
        return words;
    }

    private int[] find(String option, String word, Prompt prompt) {
        int[] tokens;
        try {
            tokens = indices(word, prompt);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(option + ": " + e.getMessage(), e);
        }
        if (tokens.length == 0) {
            log.log(Log.WARNING, option + ": '" + word + "' of '" + prompt.text() + "' has no token as the authors' code counts them, "
                    + "and changes nothing");
        }
        return tokens;
    }

    private int[] indices(String word, Prompt prompt) {
        if (!asPublished) {
            return prompt.find(word, tokenizer);
        }
        boolean isPart = !prompt.isSpaced(word) && prompt.has(word, tokenizer); // ukiyo of ukiyo-e
        return isPart ? new int[0] : prompt.findSpaced(word);
    }
}
