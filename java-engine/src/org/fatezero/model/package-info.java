/** A Stable Diffusion model on disk, in either layout, and in memory with what was merged into it. */
package org.fatezero.model;
