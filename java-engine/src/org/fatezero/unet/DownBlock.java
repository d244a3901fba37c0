package org.fatezero.unet;

import ai.djl.ndarray.NDArray;

import org.fatezero.forward.ForwardContext;
import org.fatezero.nn.ConvLayer;
import org.fatezero.nn.ResnetBlock;
import org.fatezero.forward.Site;
import org.fatezero.nn.SpatialTransformer;
import org.fatezero.tensor.Weights;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** DownBlock2D or, with attention, CrossAttnDownBlock2D: each result is a skip connection to the up blocks; then the size is halved. */
final class DownBlock {

    private final List<ResnetBlock> resnets = new ArrayList<>();
    private final List<SpatialTransformer> attentions = new ArrayList<>();
    private final ConvLayer downsampler; // null in the last block
    private final Branches branches;
    private final int out;

    DownBlock(Weights w, UNetConfig config, int level, int in, int out, int timeWidth, boolean attends,
            boolean downsamples) throws IOException {
        branches = new Branches(w.torch());
        this.out = out;
        for (int i = 0; i < config.layersPerBlock(); i++) {
            resnets.add(new ResnetBlock(w.at("resnets." + i), i == 0 ? in : out, out, timeWidth,
                    config.normNumGroups(), config.normEps()));
            if (attends) {
                attentions.add(new SpatialTransformer(w.at("attentions." + i), Site.Part.DOWN,
                        config.level(level), out, config.crossAttentionDim(), config.heads(), config.normNumGroups()));
            }
        }
        downsampler = downsamples ? ConvLayer.plain(w.at("downsamplers.0.conv"), out, out, 2) : null;
    }

    /** Channels of each array that {@link #forward} pushes, in order. */
    List<Integer> skipChannels() {
        List<Integer> channels = new ArrayList<>();
        for (int i = 0; i < resnets.size() + (downsampler == null ? 0 : 1); i++) {
            channels.add(out);
        }
        return channels;
    }

    NDArray forward(NDArray x, NDArray time, NDArray text, ForwardContext context, Deque<NDArray> skips) {
        for (int i = 0; i < resnets.size(); i++) {
            NDArray y = resnets.get(i).forward(x, time, context);
            if (!attentions.isEmpty()) {
                try (NDArray attended = branches.spread(y, text, context)) {
                    y = attentions.get(i).forward(attended, text, context);
                }
            }
            x = y;
            skips.push(x);
        }
        if (downsampler != null) {
            x = downsampler.plain(x, context);
            skips.push(x);
        }
        return x;
    }
}
