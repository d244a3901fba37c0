package org.fatezero.tensor;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

/**
 * Frees the temporary arrays of a block. While it is open, what is made from its inputs belongs to it. On close all of that is freed
 * except what {@link #keep} moved out, and the inputs return to their managers.
 */
public final class Scope implements AutoCloseable {

    private final NDManager to;
    private final NDManager manager;

    /**
     * A scope whose results go to the manager of its first input.
     *
     * @param inputs the arrays that the block reads; nulls and repetitions are skipped, the first must be there
     */
    public Scope(NDArray... inputs) {
        this(inputs[0].getManager(), inputs);
    }

    /**
     * @param to owns what is kept
     * @param inputs as above, and none may be there
     */
    public Scope(NDManager to, NDArray... inputs) {
        this.to = to;
        manager = to.newSubManager();
        for (NDArray input : inputs) {
            if (input != null && input.getManager() != manager) {
                input.tempAttach(manager);
            }
        }
    }

    /** The manager of what is made in this scope. */
    public NDManager manager() {
        return manager;
    }

    /** Lets {@code result} outlive this scope. */
    public NDArray keep(NDArray result) {
        result.attach(to);
        return result;
    }

    @Override
    public void close() {
        manager.close();
    }
}
