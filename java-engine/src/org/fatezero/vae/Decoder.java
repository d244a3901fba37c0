package org.fatezero.vae;

import ai.djl.ndarray.NDArray;

import org.fatezero.nn.Conv2d;
import org.fatezero.nn.GroupNorm;
import org.fatezero.nn.ResnetBlock;
import org.fatezero.tensor.Operation;
import org.fatezero.tensor.Weights;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Latents to pixels, each level but the last doubling the size. */
final class Decoder {

    private final Conv2d convIn;
    private final MidBlock midBlock;
    private final List<List<ResnetBlock>> levels = new ArrayList<>();
    private final List<Operation> upsamplers = new ArrayList<>();
    private final GroupNorm normOut;
    private final Conv2d convOut;

    Decoder(Weights w, Vae.Config config) throws IOException {
        int[] channels = config.blockOutChannels();
        int width = channels[channels.length - 1];
        convIn = Conv2d.read(w.at("conv_in"), config.latentChannels(), width, 3);
        midBlock = new MidBlock(w.at("mid_block"), width, config.normNumGroups());
        for (int i = 0; i < channels.length; i++) {
            Weights level = w.at("up_blocks." + i);
            int out = channels[channels.length - 1 - i];
            List<ResnetBlock> resnets = new ArrayList<>();
            for (int j = 0; j <= config.layersPerBlock(); j++) {
                resnets.add(new ResnetBlock(level.at("resnets." + j), width, out, 0, config.normNumGroups(), Encoder.EPS));
                width = out;
            }
            levels.add(resnets);
            if (i < channels.length - 1) {
                Weights conv = level.at("upsamplers.0.conv");
                upsamplers.add(Conv2d.upsampling(conv, conv.get("bias", width)));
            }
        }
        normOut = GroupNorm.read(w.at("conv_norm_out"), config.normNumGroups(), width, Encoder.EPS);
        convOut = Conv2d.read(w.at("conv_out"), width, 3, 3);
    }

    /** @param z {@code (n, latentChannels, h, w)} */
    NDArray forward(NDArray z) {
        NDArray y;
        try (NDArray first = convIn.forward(z)) {
            y = midBlock.forward(first);
        }
        for (int i = 0; i < levels.size(); i++) {
            for (ResnetBlock resnet : levels.get(i)) {
                try (NDArray before = y) {
                    y = resnet.forward(before);
                }
            }
            if (i < upsamplers.size()) {
                int h = (int) y.getShape().get(2);
                int w = (int) y.getShape().get(3);
                try (NDArray before = y) {
                    y = upsamplers.get(i).run(before, 2 * h, 2 * w);
                }
            }
        }
        try (NDArray last = y; NDArray normed = normOut.forwardSilu(last)) {
            return convOut.forward(normed);
        }
    }
}
