package org.fatezero.vae;

import ai.djl.ndarray.NDArray;

import org.fatezero.nn.GroupNorm;
import org.fatezero.nn.Linear;
import org.fatezero.nn.ResnetBlock;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/** Residual block, single-head attention over all positions, residual block. */
final class MidBlock {

    private final Torch torch;
    private final ResnetBlock resnet0;
    private final GroupNorm norm;
    private final Linear toQ;
    private final Linear toK;
    private final Linear toV;
    private final Linear toOut;
    private final ResnetBlock resnet1;

    MidBlock(Weights w, int width, int groups) throws IOException {
        torch = w.torch();
        resnet0 = new ResnetBlock(w.at("resnets.0"), width, width, 0, groups, Encoder.EPS);
        Weights attention = w.at("attentions.0");
        norm = GroupNorm.read(attention.at("group_norm"), groups, width, Encoder.EPS);
        // folders of 2022 and 2023 name the four matrices otherwise than newer ones
        boolean old = attention.has("query.weight");
        toQ = Linear.read(attention.at(old ? "query" : "to_q"), width, width).laidOut();
        toK = Linear.read(attention.at(old ? "key" : "to_k"), width, width).laidOut();
        toV = Linear.read(attention.at(old ? "value" : "to_v"), width, width).laidOut();
        toOut = Linear.read(attention.at(old ? "proj_attn" : "to_out.0"), width, width).laidOut();
        resnet1 = new ResnetBlock(w.at("resnets.1"), width, width, 0, groups, Encoder.EPS);
    }

    /** @param x {@code (n, width, h, w)} */
    NDArray forward(NDArray x) {
        try (Scope scope = new Scope(x)) {
            return scope.keep(resnet1.forward(attend(resnet0.forward(x))));
        }
    }

    private NDArray attend(NDArray x) {
        try (Scope scope = new Scope(x)) {
            long[] shape = x.getShape().getShape();
            NDArray tokens = norm.forward(x).reshape(shape[0], shape[1], -1).transpose(0, 2, 1); // (n, positions, width)
            NDArray y = torch.attention(oneHead(toQ.forward(tokens)), oneHead(toK.forward(tokens)),
                    oneHead(toV.forward(tokens)));
            return scope.keep(toOut.forward(y).transpose(0, 2, 1).reshape(shape).add(x));
        }
    }

    /** {@code (n, positions, 1, width)} */
    private static NDArray oneHead(NDArray x) {
        return x.expandDims(2);
    }
}
