/** What a user may set, from presets and defaults to the values that hold. */
package org.fatezero.options;
