/** DDIM inversion of the source clip, and what it keeps of the source's attention for editing. */
package org.fatezero.inversion;
