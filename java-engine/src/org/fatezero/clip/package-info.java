/** CLIP: pictures and texts as vectors whose angle says how well they go together. */
package org.fatezero.clip;
