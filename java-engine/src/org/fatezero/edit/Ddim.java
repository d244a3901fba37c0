package org.fatezero.edit;

import org.fatezero.inversion.CaptureSpec;
import org.fatezero.inversion.TokenAttention;
import org.fatezero.inversion.Trajectory;
import org.fatezero.tensor.Torch;

import java.util.List;

/** Plain DDIM under the edit's prompt: nothing is taken from the source but its inverted noise. */
public record Ddim(Torch torch) implements EditMethod {

    @Override
    public CaptureSpec source() {
        return CaptureSpec.ofTokens(List.of());
    }

    @Override
    public Run begin(Trajectory source, int frames, List<TokenAttention> watched) {
        EditHook hook = new EditHook(torch, watched);
        return (k, step) -> hook;
    }
}
