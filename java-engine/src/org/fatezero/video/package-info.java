/** Frames: decoded from files, in a host's memory, as tensors, and resized for CLIP and BLIP. */
package org.fatezero.video;
