package org.fatezero.bench;

import org.fatezero.text.TextEncoder;
import org.fatezero.unet.UNetConfig;
import org.fatezero.vae.Vae;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * The layers of a network, listed from its configuration alone: what its weights are called, and what one forward of one
 * frame costs. Convolutions and matrix products count, 2 operations a multiplication; norms and activations do not. A convolution
 * after upsampling counts as one of the large map, however it is computed.
 */
final class Layers {

    /**
     * @param name of its tensors, without {@code .weight}
     * @param weight shape; one extent for a norm
     */
    record Layer(String name, long[] weight, boolean bias) {
    }

    final List<Layer> layers = new ArrayList<>();
    double convolutions; // operations in 3x3 convolutions
    double products;     // operations in all other matrix products

    private Layers() {
    }

    double operations() {
        return convolutions + products;
    }

    private void convolution(String name, long in, long out, int kernel, long positions) {
        layers.add(new Layer(name, new long[] {out, in, kernel, kernel}, true));
        double operations = 2.0 * in * out * kernel * kernel * positions;
        if (kernel == 3) {
            convolutions += operations;
        } else {
            products += operations;
        }
    }

    private void linear(String name, long in, long out, boolean bias, long positions) {
        layers.add(new Layer(name, new long[] {out, in}, bias));
        products += 2.0 * in * out * positions;
    }

    private void norm(String name, long channels) {
        layers.add(new Layer(name, new long[] {channels}, true));
    }

    private void embedding(String name, long rows, long width) {
        layers.add(new Layer(name, new long[] {rows, width}, false));
    }

    /** Both products of an attention: queries by keys, and that map by values. */
    private void attention(long queries, long keys, long width) {
        products += 4.0 * queries * keys * width;
    }

    private void resnet(String name, long in, long out, long time, long positions) {
        norm(name + ".norm1", in);
        convolution(name + ".conv1", in, out, 3, positions);
        if (time > 0) {
            layers.add(new Layer(name + ".time_emb_proj", new long[] {out, time}, true)); // once a batch, not a frame
        }
        norm(name + ".norm2", out);
        convolution(name + ".conv2", out, out, 3, positions);
        if (in != out) {
            convolution(name + ".conv_shortcut", in, out, 1, positions);
        }
    }

    /**
     * @param latent {@code h, w}
     * @param keyFrames frames that self-attention sees at maps of at most {@code keysAt} cells a side; larger see one
     * @param tokens of a text
     */
    static Layers unet(UNetConfig config, int[] latent, int keyFrames, int keysAt, int tokens) {
        Layers list = new Layers();
        int[] channels = config.blockOutChannels();
        int last = channels.length - 1;
        long time = 4L * channels[0];
        list.layers.add(new Layer("time_embedding.linear_1", new long[] {time, channels[0]}, true));
        list.layers.add(new Layer("time_embedding.linear_2", new long[] {time, time}, true));
        long[] sites = new long[channels.length]; // positions at each resolution
        long[] keys = new long[channels.length];
        for (int i = 0, h = latent[0], w = latent[1]; i <= last; i++, h = (h + 1) / 2, w = (w + 1) / 2) {
            sites[i] = (long) h * w;
            keys[i] = sites[i] * (Math.max(h, w) <= keysAt ? keyFrames : 1);
        }
        list.convolution("conv_in", config.inChannels(), channels[0], 3, sites[0]);
        Deque<Integer> skips = new ArrayDeque<>(List.of(channels[0]));
        int width = channels[0];
        for (int i = 0; i <= last; i++) {
            String block = "down_blocks." + i;
            for (int j = 0; j < config.layersPerBlock(); j++) {
                list.resnet(block + ".resnets." + j, width, channels[i], time, sites[i]);
                width = channels[i];
                if (config.downAttends()[i]) {
                    list.transformer(block + ".attentions." + j, config, width, sites[i], keys[i], tokens);
                }
                skips.push(width);
            }
            if (i < last) {
                list.convolution(block + ".downsamplers.0.conv", width, width, 3, sites[i + 1]);
                skips.push(width);
            }
        }
        list.resnet("mid_block.resnets.0", width, width, time, sites[last]);
        list.transformer("mid_block.attentions.0", config, width, sites[last], keys[last], tokens);
        list.resnet("mid_block.resnets.1", width, width, time, sites[last]);
        for (int i = 0; i <= last; i++) {
            String block = "up_blocks." + i;
            int level = last - i;
            for (int j = 0; j <= config.layersPerBlock(); j++) {
                list.resnet(block + ".resnets." + j, width + skips.pop(), channels[level], time, sites[level]);
                width = channels[level];
                if (config.upAttends()[i]) {
                    list.transformer(block + ".attentions." + j, config, width, sites[level], keys[level], tokens);
                }
            }
            if (i < last) {
                list.convolution(block + ".upsamplers.0.conv", width, width, 3, sites[level - 1]);
            }
        }
        list.norm("conv_norm_out", width);
        list.convolution("conv_out", width, config.outChannels(), 3, sites[0]);
        return list;
    }

    private void transformer(String name, UNetConfig config, int width, long positions, long keys, int tokens) {
        String block = name + ".transformer_blocks.0";
        norm(name + ".norm", width);
        convolution(name + ".proj_in", width, width, 1, positions);
        norm(block + ".norm1", width);
        for (String part : List.of("to_q", "to_k", "to_v")) {
            linear(block + ".attn1." + part, width, width, false, positions);
        }
        attention(positions, keys, width);
        linear(block + ".attn1.to_out.0", width, width, true, positions);
        norm(block + ".norm2", width);
        linear(block + ".attn2.to_q", width, width, false, positions);
        linear(block + ".attn2.to_k", config.crossAttentionDim(), width, false, 0); // once a prompt, not a frame
        linear(block + ".attn2.to_v", config.crossAttentionDim(), width, false, 0);
        attention(positions, tokens, width);
        linear(block + ".attn2.to_out.0", width, width, true, positions);
        norm(block + ".norm3", width);
        linear(block + ".ff.net.0.proj", width, 8L * width, true, positions);
        linear(block + ".ff.net.2", 4L * width, width, true, positions);
        convolution(name + ".proj_out", width, width, 1, positions);
    }

    /** @param pixels {@code height, width} of the frames, which the autoencoder's factor divides */
    static Layers encoder(Vae.Config config, int[] pixels) {
        Layers list = new Layers();
        int[] channels = config.blockOutChannels();
        long positions = (long) pixels[0] * pixels[1];
        int width = channels[0];
        list.convolution("encoder.conv_in", 3, width, 3, positions);
        for (int i = 0; i < channels.length; i++) {
            for (int j = 0; j < config.layersPerBlock(); j++) {
                list.resnet("encoder.down_blocks." + i + ".resnets." + j, width, channels[i], 0, positions);
                width = channels[i];
            }
            if (i < channels.length - 1) {
                positions /= 4;
                list.convolution("encoder.down_blocks." + i + ".downsamplers.0.conv", width, width, 3, positions);
            }
        }
        list.middle("encoder.mid_block", width, positions);
        list.norm("encoder.conv_norm_out", width);
        list.convolution("encoder.conv_out", width, 2L * config.latentChannels(), 3, positions);
        list.convolution("quant_conv", 2L * config.latentChannels(), 2L * config.latentChannels(), 1, positions);
        return list;
    }

    /** @param pixels as in {@link #encoder} */
    static Layers decoder(Vae.Config config, int[] pixels) {
        Layers list = new Layers();
        int[] channels = config.blockOutChannels();
        int last = channels.length - 1;
        long positions = ((long) pixels[0] * pixels[1]) >> (2 * last);
        int width = channels[last];
        list.convolution("post_quant_conv", config.latentChannels(), config.latentChannels(), 1, positions);
        list.convolution("decoder.conv_in", config.latentChannels(), width, 3, positions);
        list.middle("decoder.mid_block", width, positions);
        for (int i = 0; i <= last; i++) {
            for (int j = 0; j <= config.layersPerBlock(); j++) {
                list.resnet("decoder.up_blocks." + i + ".resnets." + j, width, channels[last - i], 0, positions);
                width = channels[last - i];
            }
            if (i < last) {
                positions *= 4;
                list.convolution("decoder.up_blocks." + i + ".upsamplers.0.conv", width, width, 3, positions);
            }
        }
        list.norm("decoder.conv_norm_out", width);
        list.convolution("decoder.conv_out", width, 3, 3, positions);
        return list;
    }

    private void middle(String name, int width, long positions) {
        resnet(name + ".resnets.0", width, width, 0, positions);
        norm(name + ".attentions.0.group_norm", width);
        for (String part : List.of("query", "key", "value", "proj_attn")) { // as Stable Diffusion 1.4 spells them
            linear(name + ".attentions.0." + part, width, width, true, positions);
        }
        attention(positions, positions, width);
        resnet(name + ".resnets.1", width, width, 0, positions);
    }

    static Layers text(TextEncoder.Config config) {
        Layers list = new Layers();
        int tokens = config.maxPositionEmbeddings();
        int width = config.hiddenSize();
        list.embedding("text_model.embeddings.token_embedding", config.vocabSize(), width);
        list.embedding("text_model.embeddings.position_embedding", tokens, width);
        for (int i = 0; i < config.transformer().numHiddenLayers(); i++) {
            String layer = "text_model.encoder.layers." + i;
            list.norm(layer + ".layer_norm1", width);
            for (String part : List.of("q_proj", "k_proj", "v_proj", "out_proj")) {
                list.linear(layer + ".self_attn." + part, width, width, true, tokens);
            }
            list.attention(tokens, tokens, width);
            list.norm(layer + ".layer_norm2", width);
            list.linear(layer + ".mlp.fc1", width, config.transformer().intermediateSize(), true, tokens);
            list.linear(layer + ".mlp.fc2", config.transformer().intermediateSize(), width, true, tokens);
        }
        list.norm("text_model.final_layer_norm", width);
        return list;
    }
}
