/** What a forward pass of the UNet carries besides its inputs, and who may watch or change its attention. */
package org.fatezero.forward;
