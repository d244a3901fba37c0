package org.fatezero.tensor;

/** Infinities, or what is no number, where there should be numbers: half precision overflowed, or weights are broken. */
public final class NotFiniteException extends ArithmeticException {

    private static final long serialVersionUID = 1;

    NotFiniteException(String what) {
        super(what + " are not finite");
    }
}
