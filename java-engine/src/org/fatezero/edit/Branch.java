package org.fatezero.edit;

/** One of the copies of the window that a step's batch consists of. Its ordinal is the row of its prompt in {@link Edit#text}. */
public enum Branch {
    /** The source again, under its own prompt. */
    SOURCE,
    /** The edit under the negative prompt. */
    UNCONDITIONAL,
    /** The edit under its prompt. */
    CONDITIONAL
}
