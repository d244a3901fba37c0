package org.fatezero.edit.fatezero;

import org.fatezero.edit.region.StepRange;

/**
 * How self-attention stays the edit's own in its regions.
 *
 * @param outside steps whose self-attention is the source's where no region is
 * @param joins whether the edit's own attention to a region's words, over the steps so far, joins the source's in its mask
 */
public record SelfBlend(StepRange outside, boolean joins) {
}
