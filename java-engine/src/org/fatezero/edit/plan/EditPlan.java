package org.fatezero.edit.plan;

import ai.djl.ndarray.NDManager;

import org.fatezero.edit.EditMethod;
import org.fatezero.edit.region.Regions;
import org.fatezero.edit.region.StepRange;
import org.fatezero.forward.KeyFrames;
import org.fatezero.forward.Window;
import org.fatezero.inversion.TokenSet;
import org.fatezero.io.Log;
import org.fatezero.model.Model;
import org.fatezero.options.Options;
import org.fatezero.text.Prompt;
import org.fatezero.unet.UNetConfig;

/**
 * What options and prompts mean to an edit.
 *
 * @param guided the steps that guidance is used in
 * @param regions where the edit may change the frames; none if no words confine it
 */
public record EditPlan(EditMethod method, double guidance, StepRange guided, Regions regions) {

    /**
     * @param manager owns the tables of the method
     * @param source encoded, as is {@code target}
     * @param log is told of words that have no token
     * @throws IllegalArgumentException for a word that the prompts do not have, and for options that contradict each other
     */
    public static EditPlan of(Options options, Model model, NDManager manager, Prompt source, Prompt target, Log log) {
        return new Planner(options, model, manager, source, target, log).plan();
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
        KeyFrames keys = KeyFrames.of(options.keys(), frames, anchor, beside);
        return new Window(frames, keys, keysAt, options.parity(), options.norm().equals("window"));
    }

    /** Cells of a blend mask's short side, at least: a quarter of the latent's, or what is enough for it not to be coarse. */
    public static int maskCells(Options options) {
        return options.parity() ? TokenSet.AS_PUBLISHED : TokenSet.MASK_CELLS;
    }
}
