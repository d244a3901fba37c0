package org.fatezero.edit;

import ai.djl.ndarray.NDArray;

import java.util.function.IntPredicate;

/**
 * A method of editing with its prompts and guidance.
 *
 * @param text encodings of the source, the negative and the edit prompt, {@code (3, tokens, width)}: one row for each {@link Branch}
 * @param guidance scale of classifier-free guidance; 1 for none
 * @param guided whether step {@code k} is
 */
public record Edit(EditMethod method, NDArray text, double guidance, IntPredicate guided) {

    /** Guided in all steps. */
    public Edit(EditMethod method, NDArray text, double guidance) {
        this(method, text, guidance, k -> true);
    }

    /** Whether the noise under no prompt is of any use in step {@code k}. */
    boolean isGuided(int k) {
        return guidance != 1 && guided.test(k);
    }
}
