package org.fatezero.vae;

import ai.djl.ndarray.NDArray;

import org.fatezero.nn.Conv2d;
import org.fatezero.nn.GroupNorm;
import org.fatezero.nn.ResnetBlock;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Pixels to the moments of the latent, each level but the last halving the size. */
final class Encoder {

    static final double EPS = 1e-6;

    private final Torch torch;
    private final Conv2d convIn;
    private final List<List<ResnetBlock>> levels = new ArrayList<>();
    private final List<Conv2d> downsamplers = new ArrayList<>();
    private final MidBlock midBlock;
    private final GroupNorm normOut;
    private final Conv2d convOut;

    Encoder(Weights w, Vae.Config config) throws IOException {
        torch = w.torch();
        int[] channels = config.blockOutChannels();
        convIn = Conv2d.read(w.at("conv_in"), 3, channels[0], 3);
        int width = channels[0];
        for (int i = 0; i < channels.length; i++) {
            Weights level = w.at("down_blocks." + i);
            List<ResnetBlock> resnets = new ArrayList<>();
            for (int j = 0; j < config.layersPerBlock(); j++) {
                resnets.add(new ResnetBlock(level.at("resnets." + j), width, channels[i], 0, config.normNumGroups(), EPS));
                width = channels[i];
            }
            levels.add(resnets);
            if (i < channels.length - 1) {
                downsamplers.add(Conv2d.read(level.at("downsamplers.0.conv"), width, width, 3, 2, 0));
            }
        }
        midBlock = new MidBlock(w.at("mid_block"), width, config.normNumGroups());
        normOut = GroupNorm.read(w.at("conv_norm_out"), config.normNumGroups(), width, EPS);
        convOut = Conv2d.read(w.at("conv_out"), width, 2 * config.latentChannels(), 3);
    }

    /** @param x {@code (n, 3, H, W)} */
    NDArray forward(NDArray x) {
        NDArray y = convIn.forward(x);
        for (int i = 0; i < levels.size(); i++) {
            for (ResnetBlock resnet : levels.get(i)) {
                try (NDArray before = y) {
                    y = resnet.forward(before);
                }
            }
            if (i < downsamplers.size()) {
                try (NDArray before = y; NDArray padded = torch.padEnd(before)) {
                    y = downsamplers.get(i).forward(padded);
                }
            }
        }
        try (Scope scope = new Scope(y)) {
            return scope.keep(convOut.forward(normOut.forwardSilu(midBlock.forward(y))));
        }
    }
}
