package org.fatezero.edit.plan;

import ai.djl.ndarray.NDManager;

import org.fatezero.edit.Ddim;
import org.fatezero.edit.EditMethod;
import org.fatezero.edit.fatezero.Alignment;
import org.fatezero.edit.fatezero.CrossAttentionControl;
import org.fatezero.edit.fatezero.FateZero;
import org.fatezero.edit.fatezero.Forgetting;
import org.fatezero.edit.fatezero.FusedSteps;
import org.fatezero.edit.fatezero.LatentBlend;
import org.fatezero.edit.fatezero.Masked;
import org.fatezero.edit.fatezero.SelfBlend;
import org.fatezero.edit.infusion.FeatureInjection;
import org.fatezero.edit.infusion.InFusion;
import org.fatezero.edit.infusion.KeyValueInjection;
import org.fatezero.edit.region.BlendMask;
import org.fatezero.edit.region.Confinement;
import org.fatezero.edit.region.Region;
import org.fatezero.edit.region.Regions;
import org.fatezero.edit.region.StepRange;
import org.fatezero.forward.KeyFrames;
import org.fatezero.forward.Window;
import org.fatezero.inversion.TokenSet;
import org.fatezero.io.Log;
import org.fatezero.model.Model;
import org.fatezero.options.Options;
import org.fatezero.options.Words;
import org.fatezero.text.Prompt;
import org.fatezero.tensor.Torch;
import org.fatezero.unet.UNetConfig;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What options and prompts mean to an edit: here a preset's shares become steps, its words tokens, gates and masks.
 *
 * @param guided the steps that guidance is used in
 * @param regions where the edit may change the frames; none if no words confine it
 */
public record EditPlan(EditMethod method, double guidance, StepRange guided, Regions regions) {

    private static final StepRange NEVER = new StepRange(0, 0);

    /**
     * @param manager owns the tables of the method
     * @param source encoded, as is {@code target}
     * @param log is told of words that have no token
     * @throws IllegalArgumentException for a word that the prompts do not have, and for options that contradict each other
     */
    public static EditPlan of(Options options, Model model, NDManager manager, Prompt source, Prompt target, Log log) {
        PromptWords words = new PromptWords(model.tokenizer, options.parity(), log);
        int steps = options.steps();
        CrossAttentionControl cross = new CrossAttentionControl(manager, model.torch, alignment(options, source, target),
                words.emphasis(options.emphasize(), target), words.gates(options.cross_replace(), target), steps);
        if (cross.losesEmphasis()) {
            log.log(Log.WARNING, "emphasize=" + options.emphasize() + " changes nothing: cross_replace=" + options.cross_replace()
                    + " takes the attention to its words from the source in no step, and it is that which is emphasized");
        }
        StepRange keyValues = steps("inject_kv", options.inject_kv(), steps);
        Words.Share latents = Words.latents(options.blend_latents());
        boolean blends = !options.blend().isBlank();
        requireMask(options, blends, latents);
        boolean infuses = infuses(options);
        String[] entries = options.blend().split(Words.EACH, -1);
        // outside of the regions, then in each; after the steps that inject keys and values
        List<StepRange> self = Words.each("self_replace", options.self_replace(), blends ? 1 + entries.length : 1).stream()
                .map(share -> steps("self_replace", share, steps)).map(range -> new StepRange(range.from(), Math.min(range.to(), keyValues.from()))).toList();
        StepRange any = self.stream().reduce(StepRange::hull).orElseThrow();
        FusedSteps fused = new FusedSteps(any.from(), any.to(), steps - cross.activeSteps(), options.fuse_at(), options.fuse().equals("outputs"));
        double guidance = options.guidance() == 0 ? model.guidance : options.guidance();
        StepRange guided = steps("guidance_interval", options.guidance_interval(), steps);
        if (!blends && options.confine() > 0) {
            log.log(Log.WARNING, "confine=" + options.confine() + " changes nothing without blend=, the regions that the prompt's words are confined to");
        }
        if (!blends) {
            FateZero fusion = new FateZero(model.torch, steps, fused, cross, Regions.none(model.torch), null, null, null);
            boolean fuses = fused.selfFrom() < fused.selfTo() || fused.crossFrom() < steps;
            EditMethod method = infuses ? infusion(options, model, fusion, keyValues) : fuses ? fusion : new Ddim(model.torch);
            return new EditPlan(masked(options, model, forgetting(options, model, method, fusion.regions()), fusion.regions()), guidance, guided,
                    fusion.regions());
        }
        boolean wantsTarget = latents != null || infuses || options.confine() > 0 || entries.length > 1;
        Regions regions = regions(options, entries, model.torch, words, source, wantsTarget ? target : null, self);
        if (options.confine() > 0 && options.parity() && regions.ofSource().isEmpty()) {
            throw new IllegalArgumentException("confine=" + options.confine() + ": with parity=1 masks are made of the source's words alone, and blend="
                    + options.blend() + " names none; expected some before a slash, as in jeep/car");
        }
        LatentBlend blend = latents == null ? null : new LatentBlend(latents.from(), latents.to(), options.parity());
        boolean confinesAttention = options.blend_attention() && !regions.ofSource().isEmpty();
        FateZero fusion = new FateZero(model.torch, steps, fused, cross, regions, confinesAttention ? new SelfBlend(self.get(0), infuses) : null, blend,
                options.confine() > 0 && !regions.ofEdit().isEmpty() ? new Confinement(model.torch, options.confine()) : null);
        if (options.confine() > 0 && regions.ofEdit().isEmpty()) { // as a preset's may be, beside a blend of the user's
            log.log(Log.WARNING, "confine=" + options.confine() + " changes nothing: blend=" + options.blend()
                    + " names no words of the prompt; expected some after a slash, as in jeep/car");
        }
        EditMethod method = infuses ? infusion(options, model, fusion, keyValues) : fusion;
        return new EditPlan(masked(options, model, forgetting(options, model, method, regions), regions), guidance, guided, regions);
    }

    private static EditMethod forgetting(Options options, Model model, EditMethod method, Regions regions) {
        double share = options.depth() == 0 ? 0 : options.forget() * options.start(); // of less noise, less is to forget
        return share == 0 ? method : new Forgetting(method, model.torch, share, regions);
    }

    private static EditMethod masked(Options options, Model model, EditMethod method, Regions regions) {
        return options.mask() ? new Masked(method, model.torch, regions) : method;
    }

    /** A share of the steps. */
    private static StepRange steps(String option, String text, int steps) {
        Words.Share share = Words.Share.parse(option, text);
        return new StepRange(steps - (int) (share.to() * steps), steps - (int) (share.from() * steps));
    }

    /**
     * The regions that {@code blend} lists. One that has no token, which the authors' code allows, is none.
     *
     * @param target null if no attention of its words is wanted
     * @param self steps of self-attention outside of the regions, and in each
     */
    private static Regions regions(Options options, String[] entries, Torch torch, PromptWords words, Prompt source, Prompt target, List<StepRange> self) {
        List<Double> thresholds = Words.each("threshold", options.threshold(), entries.length).stream()
                .map(threshold -> Words.number("threshold", threshold)).toList();
        List<Region> regions = new ArrayList<>();
        for (int j = 0; j < entries.length; j++) {
            String blend = entries[j].strip();
            boolean inverted = blend.startsWith(Words.NOT);
            boolean rest = entries.length > 1 && blend.matches(Words.NOT + "\\s*(/.*)?");
            if (inverted && !rest && entries.length > 1) {
                throw new IllegalArgumentException("blend=" + options.blend() + ": of several regions one may be " + Words.NOT
                        + ", all that the others leave; " + blend + " is for an edit of one");
            }
            TokenSet ofSource = rest ? null : set(words.sourceBlend(blend, source), options);
            TokenSet ofTarget = target == null ? null : set(words.targetBlend(blend, target), options);
            if (ofSource == null && !rest && entries.length > 1) {
                throw new IllegalArgumentException("blend=" + options.blend() + ": " + blend + " names no word of the source '" + source.text()
                        + "'; of several regions each needs one");
            }
            BlendMask mask = rest ? null : new BlendMask(torch, thresholds.get(thresholds.size() == 1 ? 0 : j), inverted, options.blend_pool());
            if (rest || ofSource != null || ofTarget != null) {
                regions.add(new Region(mask, ofSource, ofTarget, self.size() == 1 ? NEVER : self.get(1 + j)));
            }
        }
        long rests = regions.stream().filter(region -> region.mask() == null).count();
        if (rests > 1 || rests > 0 && rests == regions.size()) {
            throw new IllegalArgumentException("blend=" + options.blend() + ": expected " + Words.NOT + " once at most, beside regions of words");
        }
        return new Regions(torch, regions);
    }

    private static boolean infuses(Options options) {
        boolean infuses = options.method().equals("infusion");
        for (String[] option : new String[][] {{"inject", options.inject()}, {"inject_kv", options.inject_kv()}}) {
            if (!infuses && !steps(option[0], option[1], options.steps()).isEmpty()) {
                throw new IllegalArgumentException(option[0] + "=" + option[1] + " needs method=infusion");
            }
        }
        return infuses;
    }

    private static InFusion infusion(Options options, Model model, FateZero fusion, StepRange keyValues) {
        StepRange features = steps("inject", options.inject(), options.steps());
        List<UNetConfig.ResidualBlock> blocks = decoderBlocks(options.inject_at(), model.unet.config());
        // maps that are measured by area may be larger than the model's own
        int upTo = options.parity() ? Integer.MAX_VALUE : blocks.stream().mapToInt(block -> block.level().side()).max().orElse(0);
        return new InFusion(fusion, new FeatureInjection(model.torch, blocks.stream().map(UNetConfig.ResidualBlock::name).collect(Collectors.toSet()),
                options.inject_weight(), features.from(), features.to(), upTo),
                new KeyValueInjection(model.torch, keyValues.from(), keyValues.to(), options.fuse_at()));
    }

    /** {@code inject_at}: residual blocks of the decoder, {@code up1.1} for {@code up_blocks.1.resnets.1}. */
    private static List<UNetConfig.ResidualBlock> decoderBlocks(String text, UNetConfig unet) {
        Map<String, UNetConfig.ResidualBlock> known = new LinkedHashMap<>();
        unet.residualBlocks(1, 1).stream().filter(block -> block.name().startsWith("up_blocks."))
                .forEach(block -> known.put(block.name().replace("up_blocks.", "up").replace("resnets.", ""), block));
        List<String> names = Words.split(text);
        if (names.isEmpty() || !known.keySet().containsAll(names)) {
            throw new IllegalArgumentException("inject_at=" + text + ": expected residual blocks of the decoder, joined by +: "
                    + String.join(", ", known.keySet()));
        }
        return names.stream().map(known::get).toList();
    }

    /** @return null for no token */
    private static TokenSet set(int[] tokens, Options options) {
        return tokens.length == 0 ? null : TokenSet.of(tokens, maskCells(options));
    }

    private static Alignment alignment(Options options, Prompt source, Prompt target) {
        if (!options.control().equals("replace")) {
            return Alignment.refine(source, target);
        }
        return options.parity() ? Alignment.replaceAsPublished(source, target) : Alignment.replace(source, target);
    }

    private static void requireMask(Options options, boolean blends, Words.Share latents) {
        if (latents != null && !blends) {
            throw new IllegalArgumentException("blend_latents=" + options.blend_latents() + " needs blend=, the words that the edit is confined to");
        }
        if (blends && !options.blend_attention() && latents == null) {
            throw new IllegalArgumentException("blend=" + options.blend() + " with blend_attention=0 and blend_latents=0 confines "
                    + "nothing; leave blend= out, or set one of them to 1");
        }
    }

    /** Whether frames attend to their shot's anchor. */
    public static boolean seesAnchor(Options options) {
        return KeyFrames.seeAnchor(options.keys());
    }

    /**
     * What the layers of the UNet share over the frames of a window.
     *
     * @param frames the window's, and before them the anchor where it is {@code beside} them
     * @throws IllegalArgumentException if {@code keys} selects no frame
     */
    public static Window window(Options options, UNetConfig unet, int frames, boolean beside, int latentHeight, int latentWidth) {
        int anchor = beside ? 0 : Math.min(options.anchor(), frames - 1);
        int keysAt = unet.cells(options.keys_at(), latentHeight, latentWidth, options.parity());
        return new Window(frames, KeyFrames.of(options.keys(), frames, anchor, beside), keysAt, options.parity(), options.norm().equals("window"));
    }

    /** Cells of a blend mask's short side, at least: a quarter of the latent's, or what is enough for it not to be coarse. */
    public static int maskCells(Options options) {
        return options.parity() ? TokenSet.AS_PUBLISHED : TokenSet.MASK_CELLS;
    }
}
