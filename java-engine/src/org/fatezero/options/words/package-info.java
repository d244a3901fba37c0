/** Words of the source and of the prompts, as options and captions name them. */
package org.fatezero.options.words;
