package org.fatezero.engine;

import ai.djl.ndarray.NDArray;

import org.fatezero.forward.ForwardHook;
import org.fatezero.forward.Site;

/** Counts the latents that pass the UNet, at its first layer of attention: the measure of what an edit costs. */
final class LatentCounter implements ForwardHook {

    private String first; // the layer's name
    private long latents;

    @Override
    public NDArray attend(Site site, NDArray q, NDArray k, NDArray v, Kernel kernel) {
        if (first == null) {
            first = site.name();
        }
        if (site.name().equals(first)) {
            latents += q.getShape().get(0) * q.getShape().get(1) / site.positions();
        }
        return kernel.apply(q, k, v);
    }

    long latents() {
        return latents;
    }
}
