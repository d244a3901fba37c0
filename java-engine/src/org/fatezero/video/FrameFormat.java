package org.fatezero.video;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;

/**
 * Packed RGB frames in memory, and the tensors they become. Rows lie {@code stride} bytes apart.
 *
 * @param width in pixels
 * @param height in pixels
 * @param bits of a sample, 8 or 16 in native byte order
 */
public record FrameFormat(int width, int height, int bits) {

    private static final int CHANNELS = 3;
    private static final int MOST_PIXELS = 1 << 26;

    public FrameFormat {
        if (width < 1 || height < 1 || (long) width * height > MOST_PIXELS) {
            throw new IllegalArgumentException("frames of " + width + "x" + height + ": expected 1x1 up to " + MOST_PIXELS
                    + " pixels");
        }
        if (bits != 8 && bits != 16) {
            throw new IllegalArgumentException("frames of " + bits + " bits a sample: expected 8 or 16");
        }
    }

    private int rowBytes() {
        return width * CHANNELS * bits / 8;
    }

    /** @throws IllegalArgumentException if the memory does not hold such a frame */
    public void check(ByteBuffer pixels, int stride) {
        if (!pixels.isDirect() || stride < rowBytes()
                || pixels.capacity() < (long) stride * (height - 1) + rowBytes()) {
            throw new IllegalArgumentException("a frame of " + width + "x" + height + " with " + bits
                    + " bits a sample needs a direct buffer of rows of at least " + rowBytes() + " bytes; it has "
                    + pixels.capacity() + " bytes in rows of " + stride);
        }
    }

    /** The same frame's memory from the n-th picture on, of some that lie side by side. */
    public ByteBuffer panel(ByteBuffer pixels, int n) {
        return pixels.slice(n * rowBytes(), pixels.capacity() - n * rowBytes());
    }

    /** A frame in which so many of these lie side by side. */
    public FrameFormat wide(int panels) {
        return new FrameFormat(width * panels, height, bits);
    }

    /** Adds the frame's samples, and not what lies between its rows. */
    public void digest(ByteBuffer pixels, int stride, MessageDigest digest) {
        for (int y = 0; y < height; y++) {
            digest.update(pixels.slice(y * stride, rowBytes()));
        }
    }

    /** The frame with 8 bits a sample. */
    public Frame picture(ByteBuffer pixels, int stride) {
        ByteBuffer source = pixels.duplicate().order(ByteOrder.nativeOrder());
        byte[] rgb = new byte[width * height * CHANNELS];
        for (int y = 0; y < height; y++) {
            for (int i = 0; i < width * CHANNELS; i++) {
                int at = y * stride + i * bits / 8;
                rgb[y * width * CHANNELS + i] = bits == 8 ? source.get(at) : (byte) (source.getShort(at) >> 8);
            }
        }
        return new Frame(width, height, rgb);
    }

    /**
     * The frame as the autoencoder reads it.
     *
     * @param asPublished whether a frame of another size is resized as in the authors' code, bilinearly, rather than bicubically
     * @return {@code (1, 3, toHeight, toWidth)} in [-1, 1], owned by {@code manager}
     */
    public NDArray read(ByteBuffer pixels, int stride, int toHeight, int toWidth, boolean asPublished, NDManager manager, Torch torch) {
        int size = stride * (height - 1) + rowBytes();
        try (NDArray bytes = manager.create(pixels.slice(0, size), new Shape(size), DataType.UINT8); Scope scope = new Scope(bytes)) {
            NDArray planar = torch.fromSamples(bytes, height, width, stride, bits / 8);
            boolean same = toHeight == height && toWidth == width;
            return scope.keep(same ? planar : asPublished ? torch.resizeBilinear(planar, toHeight, toWidth)
                    : torch.resize(planar, toHeight, toWidth));
        }
    }

    /**
     * Writes what the autoencoder gave into the frame.
     *
     * @param x {@code (1, 3, h, w)}, of any size; clipped to [-1, 1]
     */
    public void write(NDArray x, ByteBuffer pixels, int stride, Torch torch) {
        ByteBuffer samples;
        float full = bits == 8 ? 255f : 65535f;
        try (Scope scope = new Scope(x)) {
            NDArray sized = x.toType(DataType.FLOAT32, false);
            if (x.getShape().get(2) != height || x.getShape().get(3) != width) {
                sized = torch.resize(sized, height, width);
            }
            NDArray packed = torch.toSamples(sized, full / 2);
            samples = (bits == 8 ? packed.toType(DataType.UINT8, false) : packed.toType(DataType.INT32, false)).toByteBuffer()
                    .order(ByteOrder.nativeOrder());
        }
        ByteBuffer target = pixels.duplicate().order(ByteOrder.nativeOrder());
        for (int y = 0; y < height; y++) {
            if (bits == 8) {
                target.put(y * stride, samples, y * rowBytes(), rowBytes());
            } else {
                for (int i = 0; i < width * CHANNELS; i++) {
                    target.putShort(y * stride + 2 * i, (short) samples.getInt(4 * (y * width * CHANNELS + i)));
                }
            }
        }
    }
}
