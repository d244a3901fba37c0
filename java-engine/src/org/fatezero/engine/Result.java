package org.fatezero.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import java.util.Objects;
import java.util.stream.Stream;

/**
 * What an edit gives for a window.
 *
 * @param z the edit's clean latents {@code (frames, channels, h, w)}; null where they are not needed
 * @param heat as {@link org.fatezero.show.Show#heat}
 * @param changed as {@link org.fatezero.show.Show#changed}
 */
record Result(NDArray z, NDArray heat, NDArray changed) {

    /** They are the manager's from now on. */
    void attach(NDManager manager) {
        Stream.of(z, heat, changed).filter(Objects::nonNull).forEach(array -> array.attach(manager));
    }
}
