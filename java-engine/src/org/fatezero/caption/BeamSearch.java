package org.fatezero.caption;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.Function;

/**
 * The likeliest text by a model that tells the next word: of several beginnings the best are kept, word by word. Finished texts are
 * compared by their mean log probability a word. The same texts as transformers' {@code generate} with {@code num_beams}; one beam
 * is greedy search.
 *
 * @param beams beginnings that are kept
 * @param maxLength tokens of a text, the first included
 * @param end the token that ends a text
 */
record BeamSearch(int beams, int maxLength, int end) {

    private record Text(int[] ids, double logProbability) {

        Text with(int id, double logProbability) {
            int[] longer = Arrays.copyOf(ids, ids.length + 1);
            longer[ids.length] = id;
            return new Text(longer, logProbability);
        }
    }

    /** A finished text. @param score its log probability by its length */
    private record Finished(int[] ids, double score) {
    }

    /**
     * @param start the token that begins a text
     * @param next logits of the word after each of several texts of equal length
     * @return tokens of the best text, without {@code start} and {@code end}
     */
    int[] run(int start, Function<int[][], float[][]> next) {
        List<Text> running = List.of(new Text(new int[] {start}, 0));
        List<Finished> finished = new ArrayList<>();
        for (int length = 2; !running.isEmpty(); length++) {
            List<Text> candidates = candidates(running, next);
            List<Text> going = new ArrayList<>();
            for (int i = 0; i < candidates.size(); i++) {
                Text text = candidates.get(i);
                if (text.ids[length - 1] != end && length < maxLength) {
                    going.add(text);
                } else if (i < beams) {
                    finished.add(new Finished(text.ids, text.logProbability / (length - 1)));
                }
            }
            finished.sort(Comparator.comparingDouble(Finished::score).reversed());
            finished = new ArrayList<>(finished.subList(0, Math.min(beams, finished.size())));
            running = going.subList(0, Math.min(beams, going.size()));
            if (finished.size() == beams && !running.isEmpty()
                    && running.get(0).logProbability / (length - 1) <= finished.get(beams - 1).score) {
                break; // none that is under way can become better
            }
        }
        int[] best = finished.get(0).ids;
        int length = best[best.length - 1] == end ? best.length - 1 : best.length;
        return Arrays.copyOfRange(best, 1, length);
    }

    /** The best continuations of all texts, best first; twice as many as beams, since each beam has one that ends. */
    private List<Text> candidates(List<Text> running, Function<int[][], float[][]> next) {
        float[][] logits = next.apply(running.stream().map(Text::ids).toArray(int[][]::new));
        List<Text> candidates = new ArrayList<>();
        for (int i = 0; i < running.size(); i++) {
            Text text = running.get(i);
            double logSum = logSum(logits[i]);
            for (int id : largest(logits[i])) {
                candidates.add(text.with(id, text.logProbability + logits[i][id] - logSum));
            }
        }
        candidates.sort(Comparator.comparingDouble(Text::logProbability).reversed());
        return candidates.subList(0, Math.min(2 * beams, candidates.size()));
    }

    /** The likeliest words, best first; the earlier of two that are as likely. */
    private int[] largest(float[] logits) {
        int[] best = new int[Math.min(2 * beams, logits.length)];
        int n = 0;
        for (int id = 0; id < logits.length; id++) {
            if (n == best.length && !(logits[id] > logits[best[n - 1]])) {
                continue;
            }
            int at = n < best.length ? n++ : n - 1;
            for (; at > 0 && logits[best[at - 1]] < logits[id]; at--) {
                best[at] = best[at - 1];
            }
            best[at] = id;
        }
        return best;
    }

    private static double logSum(float[] logits) {
        double most = Double.NEGATIVE_INFINITY;
        for (float logit : logits) {
            most = Math.max(most, logit);
        }
        double sum = 0;
        for (float logit : logits) {
            sum += Math.exp(logit - most);
        }
        return most + Math.log(sum);
    }
}
