/** What an edit runs on: processor or graphics card, its precision, its memory and what to do when that runs out. */
package org.fatezero.device;
