package org.fatezero.edit;

/** A part of the batch of a step, all frames of the window; also the row of its prompt in the encodings. */
public enum Branch {
    /** The source again, under its own prompt. */
    SOURCE,
    /** The edit under the negative prompt. */
    UNCONDITIONAL,
    /** The edit under its prompt. */
    CONDITIONAL
}
