/** From options and prompts to an edit: shares become steps, words become tokens. */
package org.fatezero.edit.plan;
