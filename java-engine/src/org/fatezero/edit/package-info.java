/** Denoising under the edit prompt with the source's attention fused in. */
package org.fatezero.edit;
