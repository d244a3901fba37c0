/** The noise schedule and the deterministic step between two of its levels. */
package org.fatezero.diffusion;
