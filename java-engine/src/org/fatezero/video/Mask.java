package org.fatezero.video;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * Where an edit may change a frame: a gray picture of any size, stretched over the frame.
 *
 * @param samples row by row, from 0, where nothing changes, to 255
 */
public record Mask(int width, int height, byte[] samples) {

    private static final byte WHITE = (byte) 255;

    /** Everywhere. */
    public static final Mask ALL = new Mask(1, 1, new byte[] {WHITE});

    /**
     * A copy of a host's picture.
     *
     * @param stride bytes from row to row
     * @throws IllegalArgumentException if the memory does not hold such a picture
     */
    public static Mask of(ByteBuffer pixels, int stride, int width, int height) {
        if (width < 1 || height < 1 || stride < width || !pixels.isDirect() || pixels.capacity() < (long) stride * (height - 1) + width) {
            throw new IllegalArgumentException("a mask of " + width + "x" + height + " needs a direct buffer of rows of at least " + width
                    + " bytes; it has " + pixels.capacity() + " bytes in rows of " + stride);
        }
        byte[] samples = new byte[Math.multiplyExact(width, height)];
        for (int y = 0; y < height; y++) {
            pixels.get(y * stride, samples, y * width, width);
        }
        return new Mask(width, height, samples);
    }

    /** Whether it says the same of every place. */
    public boolean isLike(Mask other) {
        return width == other.width && height == other.height && Arrays.equals(samples, other.samples);
    }

    /** Masks of some frames, each cell the mean of what it covers: {@code (frames, 1, h, w)} of 0 to 1, of {@code to}. */
    public static NDArray at(List<Mask> masks, int h, int w, NDManager to, Torch torch) {
        try (NDManager temporary = to.newSubManager(); Scope scope = new Scope(to)) {
            NDList cells = new NDList();
            for (Mask mask : masks) {
                NDArray samples = temporary.create(ByteBuffer.wrap(mask.samples), new Shape(1, 1, mask.height, mask.width), DataType.UINT8);
                cells.add(torch.area(samples.toType(DataType.FLOAT32, false).div(255f), h, w));
            }
            return scope.keep(NDArrays.concat(cells, 0));
        }
    }
}
