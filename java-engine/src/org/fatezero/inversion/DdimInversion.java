package org.fatezero.inversion;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.fatezero.diffusion.Progress;
import org.fatezero.diffusion.Schedule;
import org.fatezero.forward.ForwardContext;
import org.fatezero.tensor.Torch;
import org.fatezero.unet.UNet;

import java.util.ArrayList;
import java.util.List;

/**
 * DDIM inversion (FateZero, section 3.1 and eq. 3): the clean latents of a clip to noise, under the source prompt and
 * without guidance. As in the authors' code, step {@code k} takes its noise at the timestep it goes to, of the latent it
 * comes from.
 */
public final class DdimInversion {

    private final UNet unet;
    private final Schedule schedule;
    private final Torch torch;

    public DdimInversion(UNet unet, Schedule schedule, Torch torch) {
        this.unet = unet;
        this.schedule = schedule;
        this.torch = torch;
    }

    /**
     * @param z0 clean latents {@code (frames, channels, h, w)}; the trajectory belongs to their manager
     * @param source the source prompt's encoding, {@code (1, tokens, width)}
     * @param context frames, keys, norms and hooks
     * @param specs what is captured for each edit that will be made of it
     * @throws org.fatezero.tensor.NotFiniteException at the first step whose latents are not finite
     */
    public Trajectory run(NDArray z0, NDArray source, ForwardContext context, List<CaptureSpec> specs, Progress progress) {
        NDManager window = z0.getManager();
        List<NDArray> latents = new ArrayList<>(List.of(z0));
        List<AttentionStore> stores = new ArrayList<>();
        for (int k = 0; k < schedule.depth(); k++) {
            progress.at(k, schedule.depth());
            AttentionStore store = new AttentionStore(window, torch, specs, context.frames(), k);
            NDArray z = latents.get(k);
            try (NDArray input = schedule.input(latents, k); NDArray epsilon = unet.forward(input, schedule.timestep(k), source,
                    context.and(progress.within(k, schedule.depth())).and(store))) {
                latents.add(schedule.invert(z, epsilon, k));
            }
            torch.requireFinite(latents.get(k + 1), "the latents inverted to level " + (k + 1) + " of " + schedule.steps());
            stores.add(store);
        }
        return new Trajectory(latents, stores, false);
    }
}
