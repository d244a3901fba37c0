package org.fatezero.edit;

import ai.djl.ndarray.NDArray;

/**
 * What is to become of a clip.
 *
 * @param text encodings of the source, the negative and the edit prompt, {@code (3, tokens, width)}: a row a {@link Branch}
 * @param guidance scale of classifier-free guidance; 1 for none
 */
public record Edit(EditMethod method, NDArray text, double guidance) {
}
