/** Frames: those of files, for the program, and as CLIP and BLIP want them. Inside ffmpeg they come from the filter. */
package org.fatezero.video;
