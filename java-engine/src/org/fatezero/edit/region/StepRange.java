package org.fatezero.edit.region;

/** The steps {@code from ... to - 1}, counted as in {@link org.fatezero.diffusion.Schedule}. */
public record StepRange(int from, int to) {

    public boolean isEmpty() {
        return from >= to;
    }

    public boolean contains(int k) {
        return k >= from && k < to;
    }

    /** The fewest steps in a row that hold both. */
    public StepRange hull(StepRange other) {
        if (isEmpty()) {
            return other;
        }
        return other.isEmpty() ? this : new StepRange(Math.min(from, other.from), Math.max(to, other.to));
    }
}
