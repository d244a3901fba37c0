package org.fatezero.unet;

import org.fatezero.forward.Level;
import org.fatezero.forward.Site;
import org.fatezero.io.ModelConfig;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The sizes in {@code unet/config.json}, by its own names; {@code heads} is what it calls {@code attention_head_dim}.
 *
 * @param downAttends per down block, whether it has attention; {@code upAttends} likewise
 */
public record UNetConfig(int inChannels, int outChannels, int[] blockOutChannels, int layersPerBlock, boolean[] downAttends,
        boolean[] upAttends, int crossAttentionDim, int heads, int normNumGroups, double normEps, int sampleSize,
        boolean flipSinToCos, int freqShift) {

    /** @throws IOException naming the key that no block here implements */
    public static UNetConfig read(ModelConfig config) throws IOException {
        config.require("act_fn", "silu");
        config.require("mid_block_type", "UNetMidBlock2DCrossAttn", "UNetMidBlockPseudo3DCrossAttn", "UNetMidBlock3DCrossAttn");
        for (String key : List.of("use_linear_projection", "center_input_sample")) {
            if (config.flag(key, false)) {
                throw config.wrong(key, "false, as in Stable Diffusion 1.x");
            }
        }
        if (config.integer("downsample_padding", 1) != 1) {
            throw config.wrong("downsample_padding", "1, as in Stable Diffusion 1.x");
        }
        int[] channels = config.integers("block_out_channels");
        UNetConfig read = new UNetConfig(config.integer("in_channels", 4), config.integer("out_channels", 4), channels,
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

    /** The rows or columns of a map, from those of the latent. */
    private static int halved(int extent, int times) {
        int cells = extent;
        for (int i = 0; i < times; i++) {
            cells = (cells + 1) / 2;
        }
        return cells;
    }

    /**
     * Cells a side, as in {@link Level#side(int, int, boolean)}, of the finest level whose layers have at least {@code channels}; 0 if
     * none is so wide.
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

    /**
     * The same for {@code 640ch}; a plain number is one of cells already.
     *
     * @param widest an option such as {@code keys_at}
     */
    public int cells(String widest, int h, int w, boolean byArea) {
        return widest.endsWith("ch") ? cells(Integer.parseInt(widest.replace("ch", "")), h, w, byArea) : Integer.parseInt(widest);
    }

    /** The attention layers that latents of {@code h} by {@code w} pass, in order. */
    public List<AttentionLayer> attentionLayers(int h, int w, boolean byArea) {
        int last = blockOutChannels.length - 1;
        List<AttentionLayer> layers = new ArrayList<>();
        for (int i = 0; i <= last; i++) {
            for (int j = 0; downAttends[i] && j < layersPerBlock; j++) {
                addLayers(layers, "down_blocks." + i + ".attentions." + j, Site.Part.DOWN, i, h, w, byArea);
            }
        }
        addLayers(layers, "mid_block.attentions.0", Site.Part.MID, last, h, w, byArea);
        for (int i = 0; i <= last; i++) {
            for (int j = 0; upAttends[i] && j <= layersPerBlock; j++) {
                addLayers(layers, "up_blocks." + i + ".attentions." + j, Site.Part.UP, last - i, h, w, byArea);
            }
        }
        return layers;
    }

    private void addLayers(List<AttentionLayer> layers, String name, Site.Part part, int depth, int h, int w, boolean byArea) {
        int rows = halved(h, depth);
        int columns = halved(w, depth);
        int side = level(depth).side(rows, columns, byArea);
        for (boolean cross : new boolean[] {false, true}) {
            layers.add(new AttentionLayer(new Site(name + (cross ? ".attn2" : ".attn1"), part, cross, depth, side, rows, columns, h, w),
                    blockOutChannels[depth]));
        }
    }

    /** The residual blocks that latents of {@code h} by {@code w} pass, in order. */
    public List<ResidualBlock> residualBlocks(int h, int w) {
        int last = blockOutChannels.length - 1;
        List<ResidualBlock> blocks = new ArrayList<>();
        for (int i = 0; i <= last; i++) {
            addBlocks(blocks, "down_blocks." + i, layersPerBlock, i, h, w);
        }
        addBlocks(blocks, "mid_block", 2, last, h, w);
        for (int i = 0; i <= last; i++) {
            addBlocks(blocks, "up_blocks." + i, layersPerBlock + 1, last - i, h, w);
        }
        return blocks;
    }

    private void addBlocks(List<ResidualBlock> blocks, String part, int count, int depth, int h, int w) {
        for (int j = 0; j < count; j++) {
            blocks.add(new ResidualBlock(part + ".resnets." + j, level(depth), blockOutChannels[depth],
                    halved(h, depth), halved(w, depth)));
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

    /** @param width of its queries, all heads together */
    public record AttentionLayer(Site site, int width) {
    }

    /**
     * @param name in the checkpoint
     * @param channels of its features, {@code height} their rows and {@code width} their columns
     */
    public record ResidualBlock(String name, Level level, int channels, int height, int width) {
    }
}
