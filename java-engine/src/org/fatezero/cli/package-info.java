/** The program {@code fatezero}: what is done around an edit, from files to files. */
package org.fatezero.cli;
