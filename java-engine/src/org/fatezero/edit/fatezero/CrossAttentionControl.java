package org.fatezero.edit.fatezero;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.fatezero.tensor.Torch;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * The fusion of cross-attention maps (FateZero, algorithm 1): per step and target token {@code c = g e R(c_src, c_edit) +
 * (1 - g) c_edit}, with the gate {@code g}, the emphasis {@code e} and the alignment {@code R}. All of it is one matrix
 * applied to the source's map and one factor a token on the edit's.
 */
public final class CrossAttentionControl {

    /**
     * When the gate of some target tokens is open, as shares of the edit from its noisiest step: at step {@code j} of
     * {@code T} while {@code (int) (from (T + 1)) <= j < (int) (to (T + 1))}, the rounding of the authors' code.
     */
    public record Gate(int[] tokens, double from, double to) {
    }

    /** {@code c = c_src matrix + c_edit * own}. */
    record Columns(NDArray matrix, NDArray own) {
    }

    private final NDManager manager;
    private final Torch torch;
    private final Alignment alignment;
    private final float[] emphasis;
    private final boolean[][] open; // (steps of the edit, tokens)
    private final Map<String, Columns> columns = new HashMap<>();

    /**
     * @param manager owns the matrices
     * @param emphasis per target token the factor its column is multiplied with while its gate is open; 1 for none
     * @param gates later ones override earlier ones
     * @param steps T
     */
    public CrossAttentionControl(NDManager manager, Torch torch, Alignment alignment, float[] emphasis, List<Gate> gates, int steps) {
        this.manager = manager;
        this.torch = torch;
        this.alignment = alignment;
        this.emphasis = emphasis;
        open = new boolean[steps][emphasis.length];
        for (Gate gate : gates) {
            for (int j = 0; j < steps; j++) {
                for (int token : gate.tokens) {
                    open[j][token] = (int) (gate.from * (steps + 1)) <= j && j < (int) (gate.to * (steps + 1));
                }
            }
        }
    }

    /** Whether a token has a factor that no step uses, since its gate is never open. */
    public boolean losesEmphasis() {
        return IntStream.range(0, emphasis.length)
                .anyMatch(token -> emphasis[token] != 1 && Arrays.stream(open).noneMatch(gates -> gates[token]));
    }

    /** How many steps, from the noisiest, until all gates are closed for good. */
    public int activeSteps() {
        int last = open.length;
        while (last > 0 && !any(last - 1)) {
            last--;
        }
        return last;
    }

    private boolean any(int j) {
        for (boolean gate : open[j]) {
            if (gate) {
                return true;
            }
        }
        return false;
    }

    /**
     * The fused map.
     *
     * @param source the source's map {@code (1, heads, frames * positions, tokens)}, {@code edit} the edit's
     * @param j step of the edit, 0 the noisiest
     */
    NDArray fuse(NDArray source, NDArray edit, int j) {
        Columns c = columns(edit, j);
        return torch.remap(source, c.matrix, edit, c.own);
    }

    /** What fuses the maps of step {@code j}, of the type and on the device of {@code like}. */
    Columns columns(NDArray like, int j) {
        return columns.computeIfAbsent(Arrays.toString(open[j]), key -> columns(open[j], like));
    }

    private Columns columns(boolean[] gates, NDArray like) {
        int n = gates.length;
        float[] matrix = new float[n * n];
        float[] own = new float[n];
        for (int target = 0; target < n; target++) {
            own[target] = gates[target] ? emphasis[target] * alignment.newTokens()[target] : 1;
            for (int source = 0; source < n; source++) {
                matrix[source * n + target] = gates[target] ? emphasis[target] * alignment.matrix()[source][target] : 0;
            }
        }
        return new Columns(typed(manager.create(matrix).reshape(n, n), like), typed(manager.create(own), like));
    }

    /** In the type and on the device of the maps. */
    private NDArray typed(NDArray x, NDArray like) {
        return torch.copyTo(x, like);
    }
}
