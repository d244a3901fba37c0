package org.fatezero.edit.region;

import org.fatezero.inversion.TokenSet;

/**
 * A part of the frames that the edit changes: where some words look.
 *
 * @param mask which attention to them is enough; null for the region of all that no other has
 * @param source tokens of the source prompt that its mask is made of; null for none
 * @param edit tokens of the target's, which may join the mask and may be confined to it; null for none
 * @param self steps whose self-attention is the source's even here
 */
public record Region(BlendMask mask, TokenSet source, TokenSet edit, StepRange self) {

    boolean isRest() {
        return mask == null;
    }

    /** Tokens of the target's that act in it alone where the edit confines them; null for none. An inverted mask is not theirs. */
    public TokenSet confined() {
        return isRest() || !mask.inverted() ? edit : null;
    }
}
