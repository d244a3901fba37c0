package org.fatezero.vae;

import ai.djl.ndarray.NDArray;

import org.fatezero.nn.Conv2d;
import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;
import java.util.List;

/** AutoencoderKL: pixels to latents and back, frame by frame. */
public final class Vae {

    /** The sizes in {@code vae/config.json}, by its own names. */
    public record Config(int latentChannels, int[] blockOutChannels, int layersPerBlock, int normNumGroups,
            double scalingFactor) {

        /** @throws IOException naming the key that no block here implements */
        public static Config read(ModelConfig config) throws IOException {
            config.require("act_fn", "silu");
            for (String key : List.of("in_channels", "out_channels")) {
                if (config.integer(key, 3) != 3) {
                    throw config.wrong(key, "3, for red, green and blue");
                }
            }
            Config read = new Config(config.integer("latent_channels", 4), config.integers("block_out_channels"),
                    config.integer("layers_per_block", 2), config.integer("norm_num_groups", 32),
                    config.number("scaling_factor", 0.18215));
            for (int width : read.blockOutChannels) {
                if (read.normNumGroups == 0 || width % read.normNumGroups != 0) {
                    throw config.wrong("block_out_channels", "multiples of norm_num_groups");
                }
            }
            if (!(read.scalingFactor > 0)) {
                throw config.wrong("scaling_factor", "a positive number");
            }
            return read;
        }

        /** Pixels a latent cell, along each side. */
        public int factor() {
            return 1 << (blockOutChannels.length - 1);
        }

        /** The multiple of {@link #factor} that is nearest to a side of so many pixels. */
        public int pixels(double side) {
            return Math.max(1, (int) Math.round(side / factor())) * factor();
        }
    }

    private final Config config;
    private final Encoder encoder;
    private final Torch torch;
    private final Conv2d quantConv;
    private final Conv2d postQuantConv;
    private final Decoder decoder;

    /** @throws IOException if a tensor is missing, of another shape, or left over */
    public Vae(Config config, Weights w) throws IOException {
        this.config = config;
        torch = w.torch();
        int moments = 2 * config.latentChannels;
        encoder = new Encoder(w.at("encoder"), config);
        quantConv = Conv2d.read(w.at("quant_conv"), moments, moments, 1);
        postQuantConv = Conv2d.read(w.at("post_quant_conv"), config.latentChannels, config.latentChannels, 1);
        decoder = new Decoder(w.at("decoder"), config);
        w.requireAllRead();
    }

    public Config config() {
        return config;
    }

    /**
     * The mean of the posterior, scaled. It is not sampled, so runs are reproducible.
     *
     * @param x pixels in [-1, 1], {@code (n, 3, H, W)} with H and W multiples of {@link Config#factor}
     * @return {@code (n, latentChannels, H / factor, W / factor)}, in the precision of {@code x}
     */
    public NDArray encode(NDArray x) {
        try (Scope scope = new Scope(x)) {
            NDArray moments = quantConv.forward(encoder.forward(torch.copyTo(x, quantConv.bias())));
            NDArray mean = moments.get(":, :{}", config.latentChannels);
            return scope.keep(torch.copyTo(mean.mul(config.scalingFactor), x));
        }
    }

    /** Pixels, not clipped, of {@code z (n, latentChannels, h, w)}, in its precision. */
    public NDArray decode(NDArray z) {
        try (Scope scope = new Scope(z)) {
            NDArray latents = torch.copyTo(z.div(config.scalingFactor), postQuantConv.bias());
            return scope.keep(torch.copyTo(decoder.forward(postQuantConv.forward(latents)), z));
        }
    }
}
