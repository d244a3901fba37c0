package org.fatezero.tensor;

import ai.djl.ndarray.NDArray;

/** Operations on two pictures, {@code (1, c, h, w)} in single precision, and their TorchScript. */
public final class Pictures {

    private static final int BICUBIC = 2; // as grid_sampler counts; 0 is bilinear
    private static final double NOISE = 4e-4; // variance in [-1, 1] that is none of the picture's

    static final String SOURCE = """
              def block_motion(self: __torch__.Ops, now: Tensor, before: Tensor, reach: int, block: int) -> Tensor:
                side = torch.add(torch.mul(reach, 2), 1)
                y = torch.mean(now, [1], True)
                padded = torch.replication_pad2d(torch.mean(before, [1], True), [reach, reach, reach, reach])
                errors = annotate(List[Tensor], [])
                for dy in range(side):
                  rows = torch.narrow(padded, 2, dy, torch.size(now, 2))
                  for dx in range(side):
                    error = torch.abs(torch.sub(torch.narrow(rows, 3, dx, torch.size(now, 3)), y))
                    _0 = torch.append(errors, torch.avg_pool2d(error, [block, block], [block, block], [0, 0], False, True, None))
                of_blocks = torch.cat(errors, 0)
                around = torch.avg_pool2d(of_blocks, [3, 3], [1, 1], [1, 1], False, False, None)
                far_around = torch.avg_pool2d(of_blocks, [9, 9], [1, 1], [4, 4], False, False, None)
                each = torch.sub(torch.arange(side, dtype=6, layout=None, device=ops.prim.device(now), pin_memory=None), reach)
                squares = torch.add(torch.square(torch.unsqueeze(each, 1)), torch.square(each))
                distance = torch.reshape(torch.div(torch.mul(squares, 0.002), torch.mul(reach, reach)), [-1, 1, 1])
                total = torch.add(torch.squeeze(torch.add(torch.add(of_blocks, around), far_around), 1), distance)
                best = torch.argmin(total, 0, False)
                dy = torch.floor_divide(best, side)
                dx = torch.remainder(best, side)
                x_part = (self).least_between((self).error_at(total, dy, torch.sub(dx, 1), side),
                        (self).error_at(total, dy, dx, side), (self).error_at(total, dy, torch.add(dx, 1), side))
                y_part = (self).least_between((self).error_at(total, torch.sub(dy, 1), dx, side),
                        (self).error_at(total, dy, dx, side), (self).error_at(total, torch.add(dy, 1), dx, side))
                return torch.unsqueeze(torch.stack([torch.add(torch.sub(dx, reach), x_part),
                        torch.add(torch.sub(dy, reach), y_part)], 0), 0)
              def error_at(self: __torch__.Ops, total: Tensor, dy: Tensor, dx: Tensor, side: int) -> Tensor:
                most = torch.sub(side, 1)
                index = torch.add(torch.mul(torch.clamp(dy, 0, most), side), torch.clamp(dx, 0, most))
                return torch.squeeze(torch.gather(total, 0, torch.unsqueeze(index, 0)), 0)
              def least_between(self: __torch__.Ops, left: Tensor, least: Tensor, right: Tensor) -> Tensor:
                bend = torch.sub(torch.add(left, right), torch.mul(least, 2))
                return torch.clamp(torch.div(torch.mul(torch.sub(left, right), 0.5), torch.clamp_min(bend, 1e-06)), -0.5, 0.5)
              def moved_along(self: __torch__.Ops, x: Tensor, flow: Tensor, interpolation: int) -> Tensor:
                h = torch.size(flow, 2)
                w = torch.size(flow, 3)
                rows = torch.unsqueeze(torch.arange(h, dtype=6, layout=None, device=ops.prim.device(flow), pin_memory=None), 1)
                columns = torch.arange(w, dtype=6, layout=None, device=ops.prim.device(flow), pin_memory=None)
                gx = torch.sub(torch.div(torch.add(torch.mul(torch.add(torch.select(flow, 1, 0), columns), 2), 1), w), 1)
                gy = torch.sub(torch.div(torch.add(torch.mul(torch.add(torch.select(flow, 1, 1), rows), 2), 1), h), 1)
                return torch.grid_sampler(x, torch.stack([gx, gy], 3), interpolation, 1, False)
              def likeness(self: __torch__.Ops, now: Tensor, before: Tensor, flow: Tensor, tolerance: float) -> Tensor:
                error = torch.mean(torch.abs(torch.sub((self).moved_along(before, flow, 0), now)), [1], True)
                around = torch.avg_pool2d(error, [3, 3], [1, 1], [1, 1], False, False, None)
                return torch.exp(torch.neg(torch.square(torch.div(around, tolerance))))
              def steadied(self: __torch__.Ops, x: Tensor, before: Tensor, flow: Tensor, likeness: Tensor, share: float) -> Tensor:
                moved = torch.clamp((self).moved_along(before, flow, 2), -1., 1.)
                return torch.lerp(x, moved, torch.mul(likeness, share))
              def around(self: __torch__.Ops, x: Tensor) -> Tensor:
                return torch.avg_pool2d(x, [17, 17], [1, 1], [8, 8], False, False, None)
              def enlarged(self: __torch__.Ops, x: Tensor, source: Tensor, share: float, noise: float) -> Tensor:
                h = torch.size(source, 2)
                w = torch.size(source, 3)
                red = torch.mul(torch.narrow(source, 1, 0, 1), 0.299)
                green = torch.mul(torch.narrow(source, 1, 1, 1), 0.587)
                blue = torch.mul(torch.narrow(source, 1, 2, 1), 0.114)
                y = torch.add_(torch.add_(red, green), blue)
                small = (self).resize(y, torch.size(x, 2), torch.size(x, 3))
                fine = torch.sub_(y, (self).resize(small, h, w))
                s = torch.sub(small, (self).around(small))
                e = torch.sub(x, (self).around(x))
                of_both = (self).around(torch.mul(s, e))
                of_source = (self).around(torch.square(s))
                alike = torch.div(torch.square(of_both), torch.add(torch.mul(of_source, (self).around(torch.square(e))), 1e-12))
                slope = torch.mul(torch.div(of_both, torch.add(of_source, noise)), alike)
                gain = torch.mul((self).around(torch.clamp(slope, 0., 2.)), share)
                return torch.addcmul((self).resize(x, h, w), (self).resize_bilinear(gain, h, w), fine)
            """;

    private Pictures() {
    }

    /**
     * Where each block of a picture was in the one before it, by block matching: the least mean difference of the block's brightness, of
     * that of the 3x3 blocks about it and of that of the 9x9 together, so that where nothing is to be seen the surroundings decide, and
     * where there is nothing either, by a small cost of distance, it stays; a parabola through the errors beside the least gives
     * fractions of a pixel.
     *
     * @param reach pixels that are searched on every side
     * @param block pixels a side
     * @return {@code (1, 2, h / block, w / block)}: x and y, in pixels, from the block to where it was
     */
    public static NDArray ofBlocks(Torch torch, NDArray now, NDArray before, int reach, int block) {
        return torch.run("block_motion", now, before, reach, block);
    }

    /** At each pixel that of {@code x} that {@code flow (1, 2, h, w)} points to; bicubic. */
    public static NDArray along(Torch torch, NDArray x, NDArray flow) {
        return torch.run("moved_along", x, flow, BICUBIC);
    }

    /**
     * How like a picture is to the one before it, moved along: {@code exp(-(e / tolerance)^2)} of the mean difference e of 3x3 pixels.
     *
     * @return {@code (1, 1, h, w)}, 0 to 1
     */
    public static NDArray likeness(Torch torch, NDArray now, NDArray before, NDArray flow, double tolerance) {
        return torch.run("likeness", now, before, flow, tolerance);
    }

    /**
     * {@code x} drawn to the picture before it, moved along, by {@code share * likeness}. Bicubic sums exceed [-1, 1], and would in turn
     * be summed.
     */
    public static NDArray steadied(Torch torch, NDArray x, NDArray before, NDArray flow, NDArray likeness, double share) {
        return torch.run("steadied", x, before, flow, likeness, share);
    }

    /**
     * {@code x (1, 3, h, w)} in the size of its source, with what the source loses at {@code x}'s size: the fine part of its brightness,
     * times the slope by which each colour of {@code x} follows the source's brightness about there, and how surely it does; none where it
     * does not. So the slopes of a guided filter (He et al. 2010) are found in small pictures, as by He and Sun (2015), but {@code x}
     * itself stays as it is.
     *
     * @param source larger than {@code x}
     * @param share of it that is added, 0 to 1
     */
    public static NDArray enlarged(Torch torch, NDArray x, NDArray source, double share) {
        return torch.run("enlarged", x, source, share, NOISE);
    }
}
