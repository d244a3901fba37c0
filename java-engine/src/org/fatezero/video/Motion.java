package org.fatezero.video;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.tensor.Pictures;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;

/**
 * How a picture has moved since the one before it, by block matching: coarsely in a small picture, and in a larger one the rest of the way.
 *
 * @param flow {@code (1, 2, h, w)}: x and y, in pixels, from each pixel to where it was
 * @param likeness of the two pictures along it, {@code (1, 1, h, w)} of 0 to 1: low where something came into view, or has changed
 */
public record Motion(NDArray flow, NDArray likeness) {

    private static final int SMALL = 128;           // short side of the picture in which motion is searched first, in pixels
    private static final int REACH = 7;             // pixels of it that things move from picture to picture, at most
    private static final int BLOCK = 4;
    private static final int REST = 4;              // pixels that the first search may have missed in a larger picture
    private static final double TOLERANCE = 0.15;   // of differences between pictures in [-1, 1]

    /**
     * @param now {@code (1, 3, h, w)} in [-1, 1], as is {@code before}
     * @param to owns the result
     */
    public static Motion between(NDArray now, NDArray before, NDManager to, Torch torch) {
        try (Scope scope = new Scope(now, before)) {
            NDArray flow = flow(now, before, torch);
            NDArray likeness = Pictures.likeness(torch, now, before, flow, TOLERANCE);
            flow.attach(to);
            likeness.attach(to);
            return new Motion(flow, likeness);
        }
    }

    private static NDArray flow(NDArray now, NDArray before, Torch torch) {
        int h = (int) now.getShape().get(2);
        int w = (int) now.getShape().get(3);
        int factor = Math.max(1, Math.round(Math.min(h, w) / (float) SMALL));
        if (factor == 1) {
            return torch.resizeBilinear(Pictures.ofBlocks(torch, now, before, REACH, block(BLOCK, h, w)), h, w);
        }
        int smallH = BLOCK * Math.round(h / (float) (factor * BLOCK)); // whole blocks
        int smallW = BLOCK * Math.round(w / (float) (factor * BLOCK));
        NDArray inSmall = Pictures.ofBlocks(torch, torch.area(now, smallH, smallW), torch.area(before, smallH, smallW), REACH, BLOCK);
        NDArray scale = now.getManager().create(new float[] {(float) w / smallW, (float) h / smallH}, new Shape(1, 2, 1, 1));
        NDArray flow = torch.resizeBilinear(inSmall, h, w).mul(scale);
        NDArray rest = Pictures.ofBlocks(torch, now, Pictures.along(torch, before, flow), REST, block(2 * BLOCK, h, w));
        return flow.add(torch.resizeBilinear(rest, h, w));
    }

    private static int block(int most, int h, int w) {
        return Math.min(most, Math.min(h, w));
    }

    /** The same motion of pictures that are less alike, by factors {@code (1, 1, h, w)} of 0 to 1. */
    public Motion lessAlike(NDArray by) {
        return new Motion(flow, likeness.mul(by));
    }

    /** {@code x (1, c, h, w)}, made of this picture, drawn by {@code share} towards what was made of the one before. */
    public NDArray steadied(NDArray x, NDArray before, double share, Torch torch) {
        return Pictures.steadied(torch, x, before, flow, likeness, share);
    }
}
