/** What a host calls: options in, frames in, edited frames out. */
package org.fatezero.engine;
