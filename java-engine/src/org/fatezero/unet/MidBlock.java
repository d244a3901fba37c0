package org.fatezero.unet;

import ai.djl.ndarray.NDArray;

import org.fatezero.forward.ForwardContext;
import org.fatezero.nn.ResnetBlock;
import org.fatezero.forward.Site;
import org.fatezero.nn.SpatialTransformer;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Weights;

import java.io.IOException;

/** UNetMidBlock2DCrossAttn: residual block, attention, residual block. */
final class MidBlock {

    private final ResnetBlock resnet0;
    private final SpatialTransformer attention;
    private final ResnetBlock resnet1;

    MidBlock(Weights w, UNetConfig config, int level, int width, int timeWidth) throws IOException {
        resnet0 = new ResnetBlock(w.at("resnets.0"), width, width, timeWidth, config.normNumGroups(), config.normEps());
        attention = new SpatialTransformer(w.at("attentions.0"), Site.Part.MID, config.level(level), width,
                config.crossAttentionDim(), config.heads(), config.normNumGroups());
        resnet1 = new ResnetBlock(w.at("resnets.1"), width, width, timeWidth, config.normNumGroups(), config.normEps());
    }

    NDArray forward(NDArray x, NDArray time, NDArray text, ForwardContext context) {
        try (Scope scope = new Scope(x, text)) {
            NDArray y = attention.forward(resnet0.forward(x, time, context), text, context);
            return scope.keep(resnet1.forward(y, time, context));
        }
    }
}
