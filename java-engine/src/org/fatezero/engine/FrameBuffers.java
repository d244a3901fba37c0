package org.fatezero.engine;

import java.nio.ByteBuffer;

/**
 * A host's memory for some frames of one format.
 *
 * @param buffers direct buffers, one a frame
 * @param strides bytes from row to row, of each
 */
record FrameBuffers(ByteBuffer[] buffers, int[] strides) {

    int count() {
        return buffers.length;
    }
}
