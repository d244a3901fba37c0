package org.fatezero.inversion;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.fatezero.diffusion.Progress;
import org.fatezero.diffusion.Schedule;
import org.fatezero.forward.ForwardContext;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.unet.UNet;

import java.util.Arrays;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * The source denoised again from its {@code zT}, with guidance, as an edit would be: the place to capture attention before
 * FateZero, which captures it during inversion instead. Kept for comparison (paper, fig. 8; {@code use_inversion_attention:
 * false} of the authors' code).
 */
public final class Reconstruction {

    private final UNet unet;
    private final Schedule schedule;
    private final Torch torch;

    public Reconstruction(UNet unet, Schedule schedule, Torch torch) {
        this.unet = unet;
        this.schedule = schedule;
        this.torch = torch;
    }

    /**
     * @param zT the noise that inversion ended in, {@code (frames, channels, h, w)}; the trajectory belongs to its manager
     * @param source the source prompt's encoding, {@code (1, tokens, width)}, whose attention is captured
     * @param unconditional that of no prompt
     * @param guidance scale of classifier-free guidance
     * @param guided whether there is any in step {@code k}
     * @param context frames, keys, norms and hooks
     * @param specs what is captured for each edit that will be made of it
     * @throws org.fatezero.tensor.NotFiniteException at the first step whose latents are not finite
     */
    public Trajectory run(NDArray zT, NDArray source, NDArray unconditional, double guidance, IntPredicate guided,
            ForwardContext context, List<CaptureSpec> specs, Progress progress) {
        NDManager window = zT.getManager();
        int steps = schedule.depth();
        NDArray[] latents = new NDArray[steps + 1];
        AttentionStore[] stores = new AttentionStore[steps];
        latents[steps] = zT;
        for (int k = steps - 1; k >= 0; k--) {
            int j = steps - 1 - k;
            progress.at(j, steps);
            stores[k] = new AttentionStore(window, torch, specs, context.frames(), k);
            ForwardContext step = context.and(progress.within(j, steps));
            NDArray z = latents[k + 1];
            try (Scope scope = new Scope(z, source, unconditional)) {
                int t = schedule.timestep(k);
                NDArray conditional = unet.forward(z, t, source, step.and(stores[k]));
                NDArray epsilon = guidance == 1 || !guided.test(k) ? conditional
                        : torch.guided(unet.forward(z, t, unconditional, step).concat(conditional, 0), guidance);
                latents[k] = scope.keep(schedule.denoise(z, epsilon, k));
            }
            torch.requireFinite(latents[k], "the latents reconstructed to level " + k + " of " + schedule.steps());
        }
        return new Trajectory(List.of(latents), Arrays.asList(stores), true);
    }
}
