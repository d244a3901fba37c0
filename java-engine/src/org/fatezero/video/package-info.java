/** Frames of files, for the program; inside ffmpeg they come from the filter. */
package org.fatezero.video;
