/** The denoising UNet of Stable Diffusion 1.x. */
package org.fatezero.unet;
