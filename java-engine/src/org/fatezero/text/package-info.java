/** From a prompt to what cross-attention reads: CLIP's tokenizer and text encoder. */
package org.fatezero.text;
