package org.fatezero.edit.plan;

import ai.djl.ndarray.NDManager;

import org.fatezero.edit.Ddim;
import org.fatezero.edit.EditMethod;
import org.fatezero.edit.fatezero.Alignment;
import org.fatezero.edit.fatezero.BlendMask;
import org.fatezero.edit.fatezero.CrossAttentionControl;
import org.fatezero.edit.fatezero.FateZero;
import org.fatezero.edit.fatezero.FusedSteps;
import org.fatezero.edit.fatezero.LatentBlend;
import org.fatezero.forward.KeyFrames;
import org.fatezero.forward.Window;
import org.fatezero.inversion.TokenSet;
import org.fatezero.io.Log;
import org.fatezero.model.Model;
import org.fatezero.options.Options;
import org.fatezero.options.Words;
import org.fatezero.text.Prompt;
import org.fatezero.unet.UNetConfig;

/**
 * What options and prompts mean to an edit: here a preset's shares become steps, its words tokens, gates and masks.
 *
 * @param mask where the edit may change the frames, by words of the source; null if none confine it
 */
public record EditPlan(EditMethod method, double guidance, BlendMask mask) {

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
        Words.Share self = Words.Share.parse("self_replace", options.self_replace());
        Words.Share latents = Words.latents(options.blend_latents());
        boolean blends = !options.blend().isBlank();
        requireMask(options, blends, latents);
        FusedSteps fused = new FusedSteps(steps - (int) (self.to() * steps), steps - (int) (self.from() * steps), steps - cross.activeSteps(),
                options.fuse_at());
        double guidance = options.guidance() == 0 ? model.guidance : options.guidance();
        if (!blends) {
            boolean fuses = fused.selfFrom() < fused.selfTo() || fused.crossFrom() < steps;
            return new EditPlan(fuses ? new FateZero(model.torch, steps, fused, null, cross, null, null) : new Ddim(model.torch), guidance, null);
        }
        BlendMask mask = new BlendMask(model.torch, options.threshold(), options.blend().startsWith(Words.NOT));
        TokenSet sourceWords = set(words.sourceBlend(options.blend(), source), options);
        LatentBlend blend = null;
        if (latents != null) {
            blend = new LatentBlend(mask, latents.from(), latents.to(), set(words.targetBlend(options.blend(), target), options), options.parity());
        }
        boolean confinesAttention = options.blend_attention() && sourceWords != null;
        return new EditPlan(new FateZero(model.torch, steps, fused, sourceWords, cross, confinesAttention ? mask : null, blend), guidance,
                sourceWords == null ? null : mask);
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
        String at = options.keys_at();
        int keysAt = at.endsWith("ch") ? unet.cells(Integer.parseInt(at.replace("ch", "")), latentHeight, latentWidth, options.parity())
                : Integer.parseInt(at);
        return new Window(frames, KeyFrames.of(options.keys(), frames, anchor, beside), keysAt, options.parity(), options.norm().equals("window"));
    }

    /** Cells of a blend mask's short side, at least: a quarter of the latent's, or what is enough for it not to be coarse. */
    public static int maskCells(Options options) {
        return options.parity() ? 1 : TokenSet.MASK_CELLS;
    }
}
