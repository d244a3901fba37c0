/** What a frame shows, in words: the description that a clip comes without. */
package org.fatezero.caption;
