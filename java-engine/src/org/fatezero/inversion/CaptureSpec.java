package org.fatezero.inversion;

import java.util.List;

/**
 * What the inversion captures for an edit, so that it keeps that and no more.
 *
 * @param use what the edit uses of the source
 * @param keep whether that is kept; otherwise the source is run again beside the edit
 * @param halves whether what is kept of a network that computes in single precision is stored in half
 * @param tokens sets of the source prompt's tokens whose attention is summed up in every step, for masks
 */
public record CaptureSpec(SourceUse use, boolean keep, boolean halves, List<TokenSet> tokens) {

    /** What is kept is stored as it was computed. */
    public CaptureSpec(SourceUse use, boolean keep, List<TokenSet> tokens) {
        this(use, keep, false, tokens);
    }

    /** The attention to these tokens and nothing else. */
    public static CaptureSpec ofTokens(List<TokenSet> tokens) {
        return new CaptureSpec(SourceUse.NOTHING, false, tokens);
    }

    /** The same for {@code store=recompute}: only sums are kept. */
    public CaptureSpec recomputing() {
        return new CaptureSpec(use, false, tokens);
    }

    /** The same in half of the memory. */
    public CaptureSpec halved() {
        return new CaptureSpec(use, keep, true, tokens);
    }

    /** The same with the sums of other tokens, and nothing else kept. */
    public CaptureSpec withTokens(TokenSet other) {
        return new CaptureSpec(use, false, List.of(other));
    }

    /** What is used, kept, without the sums. */
    public CaptureSpec keeping() {
        return new CaptureSpec(use, true, List.of());
    }
}
