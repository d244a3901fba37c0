/** Small files, the log's lines, folders in the engine's jar: what everything else may use. */
package org.fatezero.io;
