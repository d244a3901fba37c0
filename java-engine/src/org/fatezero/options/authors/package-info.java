/** The configuration files of the authors' code, read as options. */
package org.fatezero.options.authors;
