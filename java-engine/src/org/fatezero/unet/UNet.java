package org.fatezero.unet;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

import org.fatezero.forward.Level;
import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.Site;
import org.fatezero.io.ModelConfig;
import org.fatezero.nn.GroupNorm;
import org.fatezero.nn.Linear;
import org.fatezero.nn.VideoConv;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;

/**
 * UNet2DConditionModel, or one tuned on a video, with temporal layers in its blocks: predicts the noise {@code epsilon} in a
 * latent at a timestep under a text.
 */
public final class UNet {

    /**
     * The sizes in {@code unet/config.json}, by its own names; {@code heads} is what it calls {@code attention_head_dim}.
     *
     * @param downAttends per down block, whether it has attention; {@code upAttends} likewise
     */
    public record Config(int inChannels, int outChannels, int[] blockOutChannels, int layersPerBlock, boolean[] downAttends,
            boolean[] upAttends, int crossAttentionDim, int heads, int normNumGroups, double normEps, int sampleSize,
            boolean flipSinToCos, int freqShift) {

        /** @throws IOException naming the key that no block here implements */
        public static Config read(ModelConfig config) throws IOException {
            config.require("act_fn", "silu");
            config.require("mid_block_type", "UNetMidBlock2DCrossAttn", "UNetMidBlockPseudo3DCrossAttn", "UNetMidBlock3DCrossAttn");
            if (config.flag("use_linear_projection", false) || config.flag("center_input_sample", false)
                    || config.integer("downsample_padding", 1) != 1) {
                throw config.wrong("use_linear_projection", "the settings of Stable Diffusion 1.x");
            }
            int[] channels = config.integers("block_out_channels");
            Config read = new Config(config.integer("in_channels", 4), config.integer("out_channels", 4), channels,
                    config.integer("layers_per_block", 2),
                    attends(config, "down_block_types", "CrossAttnDownBlock2D", "DownBlock2D", channels.length),
                    attends(config, "up_block_types", "CrossAttnUpBlock2D", "UpBlock2D", channels.length),
                    config.integer("cross_attention_dim", 768), config.integer("attention_head_dim", 8),
                    config.integer("norm_num_groups", 32), config.number("norm_eps", 1e-5),
                    config.integer("sample_size", 64), config.flag("flip_sin_to_cos", true),
                    config.integer("freq_shift", 0));
            for (int width : channels) {
                if (read.heads == 0 || read.normNumGroups == 0 || width % read.heads != 0
                        || width % read.normNumGroups != 0) {
                    throw config.wrong("block_out_channels", "multiples of attention_head_dim and norm_num_groups");
                }
            }
            if (read.freqShift >= channels[0] / 2) {
                throw config.wrong("freq_shift", "less than half of the first of block_out_channels, " + channels[0]);
            }
            return read;
        }

        /** @param depth 0 for the latent's own resolution */
        Level level(int depth) {
            return new Level(depth, halved(sampleSize, depth));
        }

        /** An extent at some level, of one of the latent's. */
        private static int halved(int extent, int times) {
            int cells = extent;
            for (int i = 0; i < times; i++) {
                cells = (cells + 1) / 2;
            }
            return cells;
        }

        /**
         * What the finest level whose layers have at least {@code channels} is measured by ({@link Level#side(int, int, boolean)});
         * 0 if none is so wide.
         *
         * @param h rows of the latent
         * @param w its columns
         */
        public int cells(int channels, int h, int w, boolean byArea) {
            int depth = blockOutChannels.length;
            while (depth > 0 && blockOutChannels[depth - 1] >= channels) {
                depth--;
            }
            return depth == blockOutChannels.length ? 0 : level(depth).side(halved(h, depth), halved(w, depth), byArea);
        }

        /** The attention layers that latents of {@code h} by {@code w} pass, in order. */
        public List<AttentionLayer> attentionLayers(int h, int w, boolean byArea) {
            int last = blockOutChannels.length - 1;
            List<AttentionLayer> layers = new ArrayList<>();
            for (int i = 0; i <= last; i++) {
                for (int j = 0; downAttends[i] && j < layersPerBlock; j++) {
                    addLayers(layers, "down_blocks." + i + ".attentions." + j, Site.Half.DOWN, i, h, w, byArea);
                }
            }
            addLayers(layers, "mid_block.attentions.0", Site.Half.MID, last, h, w, byArea);
            for (int i = 0; i <= last; i++) {
                for (int j = 0; upAttends[i] && j <= layersPerBlock; j++) {
                    addLayers(layers, "up_blocks." + i + ".attentions." + j, Site.Half.UP, last - i, h, w, byArea);
                }
            }
            return layers;
        }

        private void addLayers(List<AttentionLayer> layers, String name, Site.Half half, int depth, int h, int w, boolean byArea) {
            int rows = halved(h, depth);
            int columns = halved(w, depth);
            int side = level(depth).side(rows, columns, byArea);
            for (boolean cross : new boolean[] {false, true}) {
                layers.add(new AttentionLayer(new Site(name + (cross ? ".attn2" : ".attn1"), half, cross, depth, side, rows, columns, h, w),
                        blockOutChannels[depth]));
            }
        }

        private static boolean[] attends(ModelConfig config, String key, String attended, String plain, int blocks)
                throws IOException {
            // the video models' own names of the same blocks
            List<String> types = config.texts(key).stream().map(type -> type.replaceFirst("(Pseudo)?3D$", "2D")).toList();
            if (types.size() != blocks || !types.stream().allMatch(type -> type.equals(attended) || type.equals(plain))) {
                throw config.wrong(key, blocks + " of " + attended + " or " + plain);
            }
            boolean[] attends = new boolean[blocks];
            for (int i = 0; i < blocks; i++) {
                attends[i] = types.get(i).equals(attended);
            }
            return attends;
        }
    }

    /** @param width of its queries, all heads together */
    public record AttentionLayer(Site site, int width) {
    }

    private final Config config;
    private final Torch torch;
    private final Linear timeLinear1;
    private final Linear timeLinear2;
    private final VideoConv convIn;
    private final List<DownBlock> downBlocks = new ArrayList<>();
    private final MidBlock midBlock;
    private final List<UpBlock> upBlocks = new ArrayList<>();
    private final GroupNorm convNormOut;
    private final VideoConv convOut;
    private final LongAdder latents = new LongAdder();

    /** @throws IOException if a tensor is missing, of another shape, or left over */
    public UNet(Config config, Weights w) throws IOException {
        this.config = config;
        torch = w.torch();
        int[] channels = config.blockOutChannels;
        int timeWidth = 4 * channels[0];
        timeLinear1 = Linear.read(w.at("time_embedding.linear_1"), channels[0], timeWidth);
        timeLinear2 = Linear.read(w.at("time_embedding.linear_2"), timeWidth, timeWidth);
        convIn = VideoConv.read(w.at("conv_in"), config.inChannels, channels[0]);
        int last = channels.length - 1;
        Deque<Integer> skips = new ArrayDeque<>(List.of(channels[0])); // channels of what the down blocks leave behind
        int width = channels[0];
        for (int i = 0; i <= last; i++) {
            DownBlock block = new DownBlock(w.at("down_blocks." + i), config, i, width, channels[i],
                    timeWidth, config.downAttends[i], i < last);
            downBlocks.add(block);
            block.skipChannels().forEach(skips::push);
            width = channels[i];
        }
        midBlock = new MidBlock(w.at("mid_block"), config, last, width, timeWidth);
        for (int i = 0; i <= last; i++) {
            int out = channels[last - i];
            upBlocks.add(new UpBlock(w.at("up_blocks." + i), config, last - i, width, out, skips, timeWidth,
                    config.upAttends[i], i < last));
            width = out;
        }
        convNormOut = GroupNorm.read(w.at("conv_norm_out"), config.normNumGroups, width, config.normEps);
        convOut = VideoConv.read(w.at("conv_out"), width, config.outChannels);
        w.requireAllRead();
    }

    public Config config() {
        return config;
    }

    /** How many latents have gone through so far, by all threads: the measure of what an edit costs. */
    public long latents() {
        return latents.sum();
    }

    /**
     * The noise in {@code z}.
     *
     * @param z {@code (branches * frames, inChannels, h, w)}; any h and w, any precision
     * @param t timestep, 0 to 999
     * @param text {@code (branches, tokens, crossAttentionDim)}
     * @param context in which the first branch may be wanted only up to layers of some size: it is then dropped on the way up
     * @return epsilon, of the shape and precision of {@code z}, owned by the manager of {@code z}; of all branches, or of all but the first
     */
    public NDArray forward(NDArray z, int t, NDArray text, ForwardContext context) {
        latents.add(z.getShape().get(0));
        try (Scope scope = new Scope(z, text)) {
            NDArray weight = convIn.spatial().weight();
            NDArray time = timeEmbedding(z.getManager(), t);
            ForwardContext sized = context.at((int) z.getShape().get(2), (int) z.getShape().get(3));
            Deque<NDArray> skips = new ArrayDeque<>();
            NDArray x = convIn.forward(torch.copyTo(z, weight), context.frames());
            text = torch.copyTo(text, weight);
            skips.push(x);
            for (DownBlock block : downBlocks) {
                x = block.forward(x, time, text, sized, skips);
            }
            x = midBlock.forward(x, time, text, sized);
            for (UpBlock block : upBlocks) {
                x = block.forward(x, time, text, sized, skips);
                text = last(text, x.getShape().get(0) / context.frames());
            }
            return scope.keep(torch.copyTo(convOut.forward(convNormOut.forwardSilu(x, context.window().normFrames()), context.frames()), z));
        }
    }

    /** The last {@code n} rows of the first axis: a view. */
    static NDArray last(NDArray x, long n) {
        return x.get("{}:", x.getShape().get(0) - n);
    }

    /** {@code (1, 4 c)}: sinusoids of the timestep through two linear layers. */
    private NDArray timeEmbedding(NDManager manager, int t) {
        float[] sinusoid = sinusoid(t, config.blockOutChannels[0], config.flipSinToCos, config.freqShift);
        NDArray embedding = torch.copyTo(manager.create(sinusoid).reshape(1, sinusoid.length), timeLinear1.weight());
        return timeLinear2.forward(torch.silu(timeLinear1.forward(embedding)));
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
