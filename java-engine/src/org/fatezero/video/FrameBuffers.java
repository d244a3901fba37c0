package org.fatezero.video;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.tensor.Torch;

import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A host's memory for some frames of one format.
 *
 * @param buffers direct buffers, one a frame
 * @param strides bytes from row to row, of each
 * @param masks where each may be edited; null for everywhere
 */
public record FrameBuffers(ByteBuffer[] buffers, int[] strides, List<Mask> masks) {

    public FrameBuffers(ByteBuffer[] buffers, int[] strides) {
        this(buffers, strides, null);
    }

    public int count() {
        return buffers.length;
    }

    /** These and then the others. */
    public FrameBuffers and(FrameBuffers others) {
        List<Mask> own = masks == null ? Collections.nCopies(count(), Mask.ALL) : masks;
        return new FrameBuffers(Stream.of(buffers, others.buffers).flatMap(Stream::of).toArray(ByteBuffer[]::new),
                IntStream.concat(IntStream.of(strides), IntStream.of(others.strides)).toArray(),
                others.masks == null ? null : Stream.of(own, others.masks).flatMap(List::stream).toList());
    }

    /** These, and the last of them once more and again until there are so many. */
    public FrameBuffers filled(int count) {
        int[] each = IntStream.range(0, Math.max(count, count())).map(i -> Math.min(i, count() - 1)).toArray();
        return new FrameBuffers(IntStream.of(each).mapToObj(i -> buffers[i]).toArray(ByteBuffer[]::new),
                IntStream.of(each).map(i -> strides[i]).toArray(),
                masks == null ? null : IntStream.of(each).mapToObj(masks::get).toList());
    }

    /** Where frame {@code i} may be edited. */
    public Mask mask(int i) {
        return masks == null ? Mask.ALL : masks.get(i);
    }

    /** The masks as latents are edited within them, {@code (frames, 1, h, w)}, of {@code to}; null for none. */
    public NDArray mask(Shape latents, NDManager to, Torch torch) {
        return masks == null ? null : Mask.at(masks, (int) latents.get(2), (int) latents.get(3), to, torch);
    }

    /** A copy of one of them, from 0, in memory of its own. */
    public FrameBuffers copy(int i) {
        ByteBuffer buffer = buffers[i].duplicate().clear();
        return new FrameBuffers(new ByteBuffer[] {ByteBuffer.allocateDirect(buffer.capacity()).put(buffer)}, new int[] {strides[i]},
                masks == null ? null : List.of(masks.get(i)));
    }
}
