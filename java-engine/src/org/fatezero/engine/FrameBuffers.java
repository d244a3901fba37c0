package org.fatezero.engine;

import java.nio.ByteBuffer;
import java.util.stream.IntStream;
import java.util.stream.Stream;

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

    /** These and then the others. */
    FrameBuffers and(FrameBuffers others) {
        return new FrameBuffers(Stream.of(buffers, others.buffers).flatMap(Stream::of).toArray(ByteBuffer[]::new),
                IntStream.concat(IntStream.of(strides), IntStream.of(others.strides)).toArray());
    }

    /** These, and the last of them once more and again until there are so many. */
    FrameBuffers filled(int count) {
        int[] each = IntStream.range(0, Math.max(count, count())).map(i -> Math.min(i, count() - 1)).toArray();
        return new FrameBuffers(IntStream.of(each).mapToObj(i -> buffers[i]).toArray(ByteBuffer[]::new), IntStream.of(each).map(i -> strides[i]).toArray());
    }

    /** A copy of one of them, from 0, in memory of its own. */
    FrameBuffers copy(int i) {
        ByteBuffer buffer = buffers[i].duplicate().clear();
        return new FrameBuffers(new ByteBuffer[] {ByteBuffer.allocateDirect(buffer.capacity()).put(buffer)}, new int[] {strides[i]});
    }
}
