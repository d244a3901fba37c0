package org.fatezero.inversion;

import ai.djl.ndarray.NDArray;

import org.fatezero.diffusion.Schedule;

import java.util.List;

/**
 * The source clip at every noise level, and what each step kept of its attention.
 *
 * @param latents at levels {@code 0 ... T}, T being the depth of the edit, each {@code (frames, channels, h, w)}; the last is {@code zT}
 * @param attention of steps {@code 0 ... T - 1}; editing step {@code k} uses what step {@code k} of the source kept
 * @param denoised whether the source went from {@code zT} to the clean latents, rather than into noise
 * @param mask how much of the clean latents is to be the edit's, {@code (frames, 1, h, w)} of 0 to 1; null for all
 * @param reach where that is not 0, {@code (frames, 1, h, w)} of 0 and 1: there the edit goes on in every step; null for everywhere
 */
public record Trajectory(List<NDArray> latents, List<AttentionStore> attention, boolean denoised, NDArray mask, NDArray reach) {

    public Trajectory(List<NDArray> latents, List<AttentionStore> attention, boolean denoised) {
        this(latents, attention, denoised, null, null);
    }

    /** The same clip, to be edited within a mask, {@code (frames, 1, h, w)} of 0 to 1; null for everywhere. */
    public Trajectory within(NDArray mask) {
        return new Trajectory(latents, attention, denoised, mask, mask == null ? null : mask.gt(0).toType(mask.getDataType(), false));
    }

    /** The latents that step {@code k} took its noise from; a new array. */
    public NDArray input(Schedule schedule, int k) {
        return denoised ? latents.get(k + 1).duplicate() : schedule.input(latents, k);
    }

    /** The same as far as level {@code depth}, for an edit that starts from less noise. */
    public Trajectory upTo(int depth) {
        return new Trajectory(latents.subList(0, depth + 1), attention.subList(0, depth), denoised, mask, reach);
    }

    /** T, the levels that the source was inverted to. */
    public int depth() {
        return latents.size() - 1;
    }

    public NDArray zT() {
        return latents.get(latents.size() - 1);
    }
}
