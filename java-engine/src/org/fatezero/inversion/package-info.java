/** The source clip's way into noise, and what its attention leaves behind for editing. */
package org.fatezero.inversion;
