package org.fatezero.tensor;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

/**
 * The life of a block's temporaries. While it is open, whatever is made from its inputs belongs to it; on closing, the
 * inputs go back to their owners and all else dies, but for what {@link #keep} handed to the owner of the first input.
 */
public final class Scope implements AutoCloseable {

    private final NDManager owner;
    private final NDManager manager;

    /** @param inputs the arrays the block reads; nulls and repetitions are skipped, the first must be there */
    public Scope(NDArray... inputs) {
        owner = inputs[0].getManager();
        manager = owner.newSubManager();
        for (NDArray input : inputs) {
            if (input != null && input.getManager() != manager) {
                input.tempAttach(manager);
            }
        }
    }

    /** Lets {@code result} outlive this scope. */
    public NDArray keep(NDArray result) {
        result.attach(owner);
        return result;
    }

    @Override
    public void close() {
        manager.close();
    }
}
