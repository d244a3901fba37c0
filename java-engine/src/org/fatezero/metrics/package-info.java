/** What is measured of an edit: by the paper's two scores, and against its source. */
package org.fatezero.metrics;
