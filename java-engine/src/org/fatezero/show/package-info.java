/** What is seen of an edit: its frames, steadied and beside the source's own pixels, its mask, or where words look. */
package org.fatezero.show;
