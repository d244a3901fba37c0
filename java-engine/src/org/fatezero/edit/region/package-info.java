/** Where an edit changes the frames: masks of where words look, and what they share among them. */
package org.fatezero.edit.region;
