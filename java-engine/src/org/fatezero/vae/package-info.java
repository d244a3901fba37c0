/** The autoencoder between pixels and latents. */
package org.fatezero.vae;
