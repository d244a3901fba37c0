package org.fatezero.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.junit.jupiter.api.Test;

class ScopeTest {

    @Test
    void temporariesDieInputsReturnAndTheResultSurvives() {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            NDArray x = manager.create(new float[] {1, 2});
            NDArray temporary;
            NDArray result;
            try (Scope scope = new Scope(x)) {
                temporary = x.add(1);
                result = scope.keep(temporary.mul(2));
            }
            assertThrows(IllegalStateException.class, temporary::toFloatArray);
            assertSame(manager, x.getManager());
            assertSame(manager, result.getManager());
            assertArrayEquals(new float[] {4, 6}, result.toFloatArray());
            assertEquals(2, manager.getManagedArrays().size());
        }
    }

    @Test
    void scopesNest() {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            NDArray x = manager.create(new float[] {1, 2});
            NDArray result;
            try (Scope outer = new Scope(x)) {
                NDArray inner;
                try (Scope scope = new Scope(x)) {
                    inner = scope.keep(x.add(1));
                }
                result = outer.keep(inner.add(x));
            }
            assertArrayEquals(new float[] {3, 5}, result.toFloatArray());
            assertEquals(2, manager.getManagedArrays().size());
        }
    }

    @Test
    void anExceptionLeavesNothingBehind() {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            NDArray x = manager.create(new float[] {1, 2});
            assertThrows(ArithmeticException.class, () -> {
                try (Scope scope = new Scope(x)) {
                    x.add(1).close();
                    x.add(2);
                    throw new ArithmeticException();
                }
            });
            assertEquals(1, manager.getManagedArrays().size());
        }
    }

    @Test
    void anInputMayBeGivenTwice() {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            NDArray x = manager.create(new float[] {1, 2});
            new Scope(x, x).close();
            assertSame(manager, x.getManager());
            assertArrayEquals(new float[] {1, 2}, x.toFloatArray());
        }
    }

    @Test
    void inputsOfSeveralOwnersReturnToTheirOwn() {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch"); NDManager other = manager.newSubManager()) {
            NDArray x = manager.create(new float[] {1, 2});
            NDArray y = other.create(new float[] {3, 4});
            NDArray result;
            try (Scope scope = new Scope(x, null, y)) {
                result = scope.keep(y.add(x));
            }
            assertSame(other, y.getManager());
            assertSame(manager, result.getManager());
        }
    }
}
