/** What the networks stand on: checked model files, weights by their checkpoint names, and torch operations. */
package org.fatezero.tensor;
