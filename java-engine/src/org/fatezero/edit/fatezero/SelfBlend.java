package org.fatezero.edit.fatezero;

import org.fatezero.inversion.TokenSet;

/**
 * Where self-attention stays the edit's own.
 *
 * @param editTokens the target prompt's tokens whose attention, over the steps so far, joins the source's in the mask; null for the
 *     source's alone
 */
public record SelfBlend(BlendMask mask, TokenSet editTokens) {
}
