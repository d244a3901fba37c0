/** Denoising under the edit prompt by a method, which says what it takes from the source and what it does in each step. */
package org.fatezero.edit;
