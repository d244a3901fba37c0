package org.fatezero.edit.plan;

import org.fatezero.edit.region.BlendMask;
import org.fatezero.edit.region.Region;
import org.fatezero.edit.region.Regions;
import org.fatezero.edit.region.StepRange;
import org.fatezero.inversion.TokenSet;
import org.fatezero.options.Options;
import org.fatezero.options.words.Words;
import org.fatezero.tensor.Torch;
import org.fatezero.text.Prompt;

import java.util.ArrayList;
import java.util.List;

/** The regions that {@code blend} lists: words of the source and, after a slash, of the prompt, {@code jeep/car|road}. */
final class BlendRegions {

    private static final StepRange NEVER = new StepRange(0, 0);

    private BlendRegions() {
    }

    /** @throws IllegalArgumentException if there are too many */
    static String[] entries(Options options) {
        String[] entries = options.blend().split(Words.EACH, -1);
        if (entries.length > Words.MOST) {
            throw new IllegalArgumentException("blend names " + entries.length + " regions: expected at most " + Words.MOST);
        }
        return entries;
    }

    /**
     * The regions; an entry that has no token, which the authors' code allows, is none.
     *
     * @param target null if no attention of its words is wanted
     * @param self steps of self-attention outside of the regions, and in each
     */
    static Regions of(Options options, Torch torch, PromptWords words, Prompt source, Prompt target, List<StepRange> self) {
        String[] entries = entries(options);
        boolean several = entries.length > 1;
        List<Double> thresholds = Words.each("threshold", options.threshold(), entries.length).stream()
                .map(threshold -> Words.number("threshold", threshold)).toList();
        List<Region> regions = new ArrayList<>();
        for (int j = 0; j < entries.length; j++) {
            String blend = entries[j].strip();
            boolean inverted = blend.startsWith(Words.NOT);
            boolean rest = several && blend.matches(Words.NOT + "\\s*(/.*)?"); // all that the others leave
            if (inverted && !rest && several) {
                throw wrong(options, "of several regions one may be " + Words.NOT + ", all that the others leave; " + blend
                        + " is for an edit of one");
            }
            TokenSet ofSource = rest ? null : set(words.sourceBlend(blend, source), options);
            TokenSet ofTarget = target == null ? null : set(words.targetBlend(blend, target), options);
            if (ofSource == null && !rest && several) {
                throw wrong(options, blend + " names no word of the source '" + source.text() + "'; of several regions each needs one");
            }
            double threshold = thresholds.get(thresholds.size() == 1 ? 0 : j);
            BlendMask mask = rest ? null : new BlendMask(torch, threshold, inverted, options.blend_pool());
            if (rest || ofSource != null || ofTarget != null) {
                regions.add(new Region(mask, ofSource, ofTarget, self.size() == 1 ? NEVER : self.get(1 + j)));
            }
        }
        long rests = regions.stream().filter(region -> region.mask() == null).count();
        if (rests > 1 || rests > 0 && rests == regions.size()) {
            throw wrong(options, "expected " + Words.NOT + " once at most, beside regions of words");
        }
        return new Regions(torch, regions);
    }

    private static IllegalArgumentException wrong(Options options, String why) {
        return new IllegalArgumentException("blend=" + options.blend() + ": " + why);
    }

    /** @return null for no token */
    private static TokenSet set(int[] tokens, Options options) {
        return tokens.length == 0 ? null : TokenSet.of(tokens, EditPlan.maskCells(options));
    }
}
