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
import org.fatezero.edit.region.Confinement;
import org.fatezero.edit.region.Regions;
import org.fatezero.edit.region.StepRange;
import org.fatezero.io.Log;
import org.fatezero.model.Model;
import org.fatezero.options.Options;
import org.fatezero.options.words.Words;
import org.fatezero.text.Prompt;
import org.fatezero.unet.UNetConfig;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Plans an edit: a preset's shares become steps, its words tokens, gates and masks. */
final class Planner {

    private final Options options;
    private final Model model;
    private final NDManager manager;
    private final Prompt source;
    private final Prompt target;
    private final Log log;
    private final PromptWords words;
    private final boolean blends;
    private final boolean infuses;
    private final Words.Share latents;   // of the steps, in which latents are blended; null for none
    private final StepRange keyValues;   // that InFusion injects keys and values in

    /** The parameters of {@link EditPlan#of}. */
    Planner(Options options, Model model, NDManager manager, Prompt source, Prompt target, Log log) {
        this.options = options;
        this.model = model;
        this.manager = manager;
        this.source = source;
        this.target = target;
        this.log = log;
        words = new PromptWords(model.tokenizer, options.parity(), log);
        blends = !options.blend().isBlank();
        latents = Words.latents(options.blend_latents());
        keyValues = steps("inject_kv", options.inject_kv());
        requireMask();
        infuses = infuses();
    }

    EditPlan plan() {
        CrossAttentionControl cross = cross();
        List<StepRange> self = selfSteps();
        StepRange any = (options.blend_attention() ? self : self.subList(0, 1)).stream().reduce(StepRange::hull).orElseThrow();
        FusedSteps fused = new FusedSteps(any.from(), any.to(), options.steps() - cross.activeSteps(), options.fuse_at(),
                options.fuse().equals("outputs"));
        Regions regions = blends ? regions(self) : Regions.none(model.torch);
        FateZero fusion = new FateZero(model.torch, options.steps(), fused, cross, regions, selfBlend(regions, self), latentBlend(),
                confinement(regions));
        boolean fuses = blends || fused.selfFrom() < fused.selfTo() || fused.crossFrom() < options.steps();
        EditMethod method = infuses ? infusion(fusion) : fuses ? fusion : new Ddim(model.torch);
        double guidance = options.guidance() == 0 ? model.guidance : options.guidance();
        StepRange guided = steps("guidance_interval", options.guidance_interval());
        return new EditPlan(masked(forgetting(method, regions), regions), guidance, guided, regions);
    }

    /** A share of the steps. */
    private StepRange steps(String option, String text) {
        Words.Share share = Words.Share.parse(option, text);
        int steps = options.steps();
        return new StepRange(steps - (int) (share.to() * steps), steps - (int) (share.from() * steps));
    }

    private void requireMask() {
        if (latents != null && !blends) {
            throw new IllegalArgumentException("blend_latents=" + options.blend_latents()
                    + " needs blend=, the words that the edit is confined to");
        }
        if (blends && !options.blend_attention() && latents == null) {
            throw new IllegalArgumentException("blend=" + options.blend() + " with blend_attention=0 and blend_latents=0 confines "
                    + "nothing; leave blend= out, or set one of them to 1");
        }
    }

    private boolean infuses() {
        boolean infuses = options.method().equals("infusion");
        if (!infuses) {
            requireNone("inject", options.inject());
            requireNone("inject_kv", options.inject_kv());
        }
        return infuses;
    }

    private void requireNone(String option, String share) {
        if (!steps(option, share).isEmpty()) {
            throw new IllegalArgumentException(option + "=" + share + " needs method=infusion");
        }
    }

    private CrossAttentionControl cross() {
        CrossAttentionControl cross = new CrossAttentionControl(manager, model.torch, alignment(),
                words.emphasis(options.emphasize(), target), words.gates(options.cross_replace(), target), options.steps());
        if (cross.losesEmphasis() && options.strength() <= 0.5) { // more of it is meant to end cross_replace
            log.log(Log.WARNING, "emphasize=" + options.emphasize() + " changes nothing: cross_replace=" + options.cross_replace()
                    + " takes the attention to its words from the source in no step, and it is that which is emphasized");
        }
        return cross;
    }

    private Alignment alignment() {
        if (!options.control().equals("replace")) {
            return Alignment.refine(source, target);
        }
        return options.parity() ? Alignment.replaceAsPublished(source, target) : Alignment.replace(source, target);
    }

    /** Steps that replace self-attention outside of the regions, then in each: after those that inject keys and values. */
    private List<StepRange> selfSteps() {
        int shares = blends ? 1 + BlendRegions.entries(options).length : 1;
        return Words.each("self_replace", options.self_replace(), shares).stream()
                .map(share -> steps("self_replace", share))
                .map(range -> keyValues.isEmpty() ? range : new StepRange(range.from(), Math.min(range.to(), keyValues.from()))).toList();
    }

    /** The edit's own attention makes masks where there are several, and where something of the edit is confined to them. */
    private Regions regions(List<StepRange> self) {
        boolean wantsTarget = latents != null || infuses || options.confine() > 0 || BlendRegions.entries(options).length > 1;
        Regions regions = BlendRegions.of(options, model.torch, words, source, wantsTarget ? target : null, self);
        if (options.confine() > 0 && options.parity() && regions.ofSource().isEmpty()) {
            throw new IllegalArgumentException("confine=" + options.confine()
                    + ": with parity=1 masks are made of the source's words alone, and blend=" + options.blend()
                    + " names none; expected some before a slash, as in jeep/car");
        }
        return regions;
    }

    /** @return null if attention is replaced everywhere */
    private SelfBlend selfBlend(Regions regions, List<StepRange> self) {
        return options.blend_attention() && !regions.ofSource().isEmpty() ? new SelfBlend(self.get(0), infuses) : null;
    }

    /** @return null if latents are not blended */
    private LatentBlend latentBlend() {
        return latents == null ? null : new LatentBlend(latents.from(), latents.to(), options.parity());
    }

    /** @return null if the prompt's words act everywhere. A preset's {@code confine} may meet a {@code blend} of the user's: no error */
    private Confinement confinement(Regions regions) {
        if (options.confine() == 0) {
            return null;
        }
        if (regions.all().stream().allMatch(region -> region.confined() == null)) {
            log.log(Log.WARNING, "confine=" + options.confine() + " changes nothing" + (blends
                    ? ": blend=" + options.blend() + " names no words of the prompt that change: those after a slash, as in jeep/car"
                    : " without blend=, the regions that the prompt's words are confined to"));
            return null;
        }
        return new Confinement(model.torch, options.confine());
    }

    private InFusion infusion(FateZero fusion) {
        StepRange features = steps("inject", options.inject());
        List<UNetConfig.ResidualBlock> blocks = decoderBlocks();
        // maps that are measured by area may be larger than the model's own
        int upTo = options.parity() ? Integer.MAX_VALUE : blocks.stream().mapToInt(block -> block.level().side()).max().orElse(0);
        return new InFusion(fusion,
                new FeatureInjection(model.torch, blocks.stream().map(UNetConfig.ResidualBlock::name).collect(Collectors.toSet()),
                        options.inject_weight(), features.from(), features.to(), upTo),
                new KeyValueInjection(model.torch, keyValues.from(), keyValues.to(), options.fuse_at()));
    }

    /** {@code inject_at}: residual blocks of the decoder, {@code up1.1} for {@code up_blocks.1.resnets.1}. */
    private List<UNetConfig.ResidualBlock> decoderBlocks() {
        Map<String, UNetConfig.ResidualBlock> known = new LinkedHashMap<>();
        model.unet.config().residualBlocks(1, 1).stream().filter(block -> block.name().startsWith("up_blocks."))
                .forEach(block -> known.put(block.name().replace("up_blocks.", "up").replace("resnets.", ""), block));
        List<String> names = Words.split(options.inject_at());
        if (names.isEmpty() || !known.keySet().containsAll(names)) {
            throw new IllegalArgumentException("inject_at=" + options.inject_at()
                    + ": expected residual blocks of the decoder, joined by +: " + String.join(", ", known.keySet()));
        }
        return names.stream().map(known::get).toList();
    }

    private EditMethod forgetting(EditMethod method, Regions regions) {
        double share = options.depth() == 0 ? 0 : options.forget() * options.start(); // of less noise, less is to forget
        return share == 0 ? method : new Forgetting(method, model.torch, share, regions);
    }

    private EditMethod masked(EditMethod method, Regions regions) {
        return options.mask() ? new Masked(method, model.torch, regions) : method;
    }
}
