package org.fatezero.tensor;

/** Infinity or NaN in a result: half precision overflowed, or weights are broken. */
public final class NotFiniteException extends ArithmeticException {

    private static final long serialVersionUID = 1;

    NotFiniteException(String what) {
        super(what + " are not finite");
    }
}
