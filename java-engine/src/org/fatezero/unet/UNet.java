package org.fatezero.unet;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.forward.ForwardContext;
import org.fatezero.nn.ConvLayer;
import org.fatezero.nn.GroupNorm;
import org.fatezero.nn.Linear;
import org.fatezero.tensor.Operation;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * UNet2DConditionModel, or one tuned on a video, with temporal layers in its blocks: predicts the noise {@code epsilon} in a
 * latent at a timestep under a text.
 */
public final class UNet {

    private final UNetConfig config;
    private final Torch torch;
    private final Operation timeEmbedding;
    private final Branches branches;
    private final NDManager manager; // of what is computed once
    private final Map<Integer, NDArray> times = new ConcurrentHashMap<>(); // embeddings of the timesteps asked for so far
    private final ConvLayer convIn;
    private final List<DownBlock> downBlocks = new ArrayList<>();
    private final MidBlock midBlock;
    private final List<UpBlock> upBlocks = new ArrayList<>();
    private final ConvLayer convOut;

    /** @throws IOException if a tensor is missing, of another shape, or left over */
    public UNet(UNetConfig config, Weights w) throws IOException {
        this.config = config;
        torch = w.torch();
        int[] channels = config.blockOutChannels();
        int timeWidth = 4 * channels[0];
        Linear time1 = Linear.read(w.at("time_embedding.linear_1"), channels[0], timeWidth);
        Linear time2 = Linear.read(w.at("time_embedding.linear_2"), timeWidth, timeWidth);
        branches = new Branches(torch);
        timeEmbedding = torch.operation("time_embedding", time1.weight(), time1.bias(), time2.weight(), time2.bias());
        manager = time1.weight().getManager().newSubManager();
        convIn = ConvLayer.plain(w.at("conv_in"), config.inChannels(), channels[0], 1);
        int last = channels.length - 1;
        Deque<Integer> skips = new ArrayDeque<>(List.of(channels[0])); // channels of the skip connections, last first
        int width = channels[0];
        for (int i = 0; i <= last; i++) {
            DownBlock block = new DownBlock(w.at("down_blocks." + i), config, i, width, channels[i],
                    timeWidth, config.downAttends()[i], i < last);
            downBlocks.add(block);
            block.skipChannels().forEach(skips::push);
            width = channels[i];
        }
        midBlock = new MidBlock(w.at("mid_block"), config, last, width, timeWidth);
        for (int i = 0; i <= last; i++) {
            int out = channels[last - i];
            upBlocks.add(new UpBlock(w.at("up_blocks." + i), config, last - i, width, out, skips, timeWidth,
                    config.upAttends()[i], i < last));
            width = out;
        }
        convOut = ConvLayer.normed(GroupNorm.read(w.at("conv_norm_out"), config.normNumGroups(), width, config.normEps()), w.at("conv_out"),
                width, config.outChannels(), null);
        w.requireAllRead();
    }

    public UNetConfig config() {
        return config;
    }

    /**
     * The noise in {@code z}.
     *
     * @param z {@code (branches * frames, inChannels, h, w)}; any h and w, any precision. Of fewer branches than {@code text} has, the last
     *     is that of all further ones, which differ from the first attention on and are computed once before
     * @param t timestep of the schedule that the model was trained on, 0 to 999 for Stable Diffusion
     * @param text {@code (branches, tokens, crossAttentionDim)}
     * @param context its {@link ForwardContext#firstUpTo} says where the first branch is dropped
     * @return epsilon of all branches, of the precision and manager of {@code z}; without the first branch if that was dropped
     */
    public NDArray forward(NDArray z, int t, NDArray text, ForwardContext context) {
        try (Scope scope = new Scope(z, text)) {
            NDArray like = convIn.bias();
            NDArray time = times.computeIfAbsent(t, this::timeEmbedding);
            ForwardContext sized = context.at((int) z.getShape().get(2), (int) z.getShape().get(3));
            Deque<NDArray> skips = new ArrayDeque<>();
            NDArray x = convIn.plain(torch.copyTo(z, like), context);
            text = torch.copyTo(text, like);
            skips.push(x);
            for (DownBlock block : downBlocks) {
                x = block.forward(x, time, text, sized, skips);
            }
            for (int i = skips.size(); i > 0; i--) {
                skips.addLast(branches.spread(skips.pop(), text, context));
            }
            x = skips.peek();
            x = midBlock.forward(x, time, text, sized);
            for (UpBlock block : upBlocks) {
                x = block.forward(x, time, text, sized, skips);
                text = last(text, x.getShape().get(0) / context.frames());
            }
            return scope.keep(torch.copyTo(convOut.normed(x, null, context), z));
        }
    }

    /** The last {@code n} rows of the first axis: a view, or all of it. */
    static NDArray last(NDArray x, long n) {
        long rows = x.getShape().get(0);
        return n == rows ? x : x.get("{}:", rows - n);
    }

    /** {@code (1, 4 c)}: sinusoids of the timestep through two linear layers, each followed by SiLU. */
    private NDArray timeEmbedding(int t) {
        float[] sinusoid = sinusoid(t, config.blockOutChannels()[0], config.flipSinToCos(), config.freqShift());
        try (NDArray x = manager.create(sinusoid, new Shape(1, sinusoid.length))) {
            return timeEmbedding.run(x);
        }
    }

    /** Sines and cosines of {@code t * 10000^(-i / (width / 2 - shift))}, cosines first if {@code cosFirst}. */
    static float[] sinusoid(int t, int width, boolean cosFirst, int shift) {
        int half = width / 2;
        float[] values = new float[width];
        for (int i = 0; i < half; i++) {
            double angle = t * Math.exp(-Math.log(10000) * i / (half - shift));
            values[cosFirst ? half + i : i] = (float) Math.sin(angle);
            values[cosFirst ? i : half + i] = (float) Math.cos(angle);
        }
        return values;
    }
}
