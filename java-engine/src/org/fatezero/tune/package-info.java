/** One-shot tuning of a model on a clip. */
package org.fatezero.tune;
