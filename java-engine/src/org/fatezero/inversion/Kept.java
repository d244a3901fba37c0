package org.fatezero.inversion;

/** Arrays of the source's forward pass that a step of the inversion can keep. */
public enum Kept {
    /** Of an attention layer, {@code (1, frames * positions, heads, d)}. */
    QUERIES,
    /** Of self-attention, {@code (1, keyFrames * positions, heads, d)}. */
    KEYS,
    /** Of self-attention, shaped like its keys. */
    VALUES,
    /** The map of cross-attention, {@code (1, heads, frames * positions, tokens)}. Those of self-attention are never built. */
    MAP,
    /** Of a residual block, {@code (frames, channels, height, width)}. */
    FEATURES
}
