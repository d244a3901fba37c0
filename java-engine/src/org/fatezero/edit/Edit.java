package org.fatezero.edit;

import ai.djl.ndarray.NDArray;

/**
 * A method of editing with its prompts and guidance.
 *
 * @param text encodings of the source, the negative and the edit prompt, {@code (3, tokens, width)}: one row for each {@link Branch}
 * @param guidance scale of classifier-free guidance; 1 for none
 */
public record Edit(EditMethod method, NDArray text, double guidance) {

    /** Whether the noise under no prompt is of any use. */
    boolean isGuided() {
        return guidance != 1;
    }
}
