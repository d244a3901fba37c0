/** FateZero: the source's attention fused into the edit's, and the mask that confines it. */
package org.fatezero.edit.fatezero;
