/** Layers that the networks share, up to the residual block and the transformer block. */
package org.fatezero.nn;
