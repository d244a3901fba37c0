package org.fatezero.edit.fatezero;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.edit.Ddim;
import org.fatezero.edit.EditMethod;
import org.fatezero.edit.region.Regions;
import org.fatezero.inversion.Trajectory;
import org.fatezero.tensor.Torch;

import org.junit.jupiter.api.Test;

import java.util.List;

class MaskedTest {

    /** In each step it would be {@code share^steps}, which is nothing. */
    @Test
    void whereTheMaskIsGrayItsShareIsTakenOfTheCleanLatentsAlone() throws Exception {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            Torch torch = new Torch(manager);
            List<NDArray> source = List.of(manager.zeros(new Shape(1, 1, 1, 3)), manager.ones(new Shape(1, 1, 1, 3)),
                    manager.ones(new Shape(1, 1, 1, 3)).mul(2));
            NDArray mask = manager.create(new float[] {0, 0.25f, 1}, new Shape(1, 1, 1, 3));
            Trajectory trajectory = new Trajectory(source, List.of(), false).within(mask);
            EditMethod.Run run = new Masked(new Ddim(torch), torch, Regions.none(torch)).begin(trajectory, 1, List.of());
            assertArrayEquals(new float[] {1, 8, 8}, run.afterStep(1, eights(manager)).toFloatArray());
            assertArrayEquals(new float[] {0, 2, 8}, run.afterStep(0, eights(manager)).toFloatArray());
        }
    }

    private static NDArray eights(NDManager manager) {
        return manager.ones(new Shape(1, 1, 1, 3)).mul(8);
    }
}
