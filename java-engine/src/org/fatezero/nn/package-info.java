/** Layers that the networks share, and the attention layer with the hook that watches and changes it. */
package org.fatezero.nn;
