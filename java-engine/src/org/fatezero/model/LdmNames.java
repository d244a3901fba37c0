package org.fatezero.model;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names that tensors have in an original Stable Diffusion 1.x checkpoint, one file for all parts, as the names they have in
 * the diffusers layout. Both number the same blocks: the original counts all blocks of a half in one list and the VAE's decoder
 * from its output, diffusers counts by resolution and from the input.
 */
final class LdmNames {

    /** Residual blocks a level of the UNet's first half; the second half has one more. */
    private static final int RESNETS = 2;

    private static final Map<String, String> UNET_PARTS = table("time_embed.0", "time_embedding.linear_1",
            "time_embed.2", "time_embedding.linear_2", "input_blocks.0.0", "conv_in", "out.0", "conv_norm_out", "out.2", "conv_out",
            "middle_block.0", "mid_block.resnets.0", "middle_block.1", "mid_block.attentions.0", "middle_block.2",
            "mid_block.resnets.1");
    private static final Map<String, String> RESNET_PARTS = table("in_layers.0", "norm1", "in_layers.2", "conv1",
            "emb_layers.1", "time_emb_proj", "out_layers.0", "norm2", "out_layers.3", "conv2", "skip_connection", "conv_shortcut");
    private static final Map<String, String> VAE_PARTS = table("mid.block_1", "mid_block.resnets.0", "mid.attn_1.norm",
            "mid_block.attentions.0.group_norm", "mid.attn_1.proj_out", "mid_block.attentions.0.to_out.0", "mid.attn_1.",
            "mid_block.attentions.0.to_", "mid.block_2", "mid_block.resnets.1", "norm_out", "conv_norm_out");

    private static final Pattern UNET_BLOCK = Pattern.compile("(input|output)_blocks\\.(\\d{1,3})\\.(\\d)\\.(.*)");
    private static final Pattern VAE_BLOCK = Pattern.compile("(down|up)\\.(\\d)\\.(block\\.(\\d)|downsample|upsample)\\.(.*)");

    private LdmNames() {
    }

    private static Map<String, String> table(String... pairs) {
        Map<String, String> table = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            table.put(pairs[i], pairs[i + 1]);
        }
        return table;
    }

    /** The diffusers name of {@code name}, which follows {@code model.diffusion_model.}. */
    static String unet(String name) {
        Matcher block = UNET_BLOCK.matcher(name);
        if (!block.matches() || name.startsWith("input_blocks.0.")) {
            return resnet(replaced(name, UNET_PARTS));
        }
        boolean down = block.group(1).equals("input");
        int index = Integer.parseInt(block.group(2)) - (down ? 1 : 0);
        int level = index / (RESNETS + 1);
        int j = index % (RESNETS + 1);
        String rest = block.group(4);
        String at = (down ? "down_blocks." : "up_blocks.") + level;
        if (down && rest.startsWith("op.")) {
            return at + ".downsamplers.0.conv." + rest.substring("op.".length());
        }
        if (!down && rest.startsWith("conv.")) {
            return at + ".upsamplers.0." + rest;
        }
        return resnet(at + (block.group(3).equals("0") ? ".resnets." : ".attentions.") + j + "." + rest);
    }

    private static String resnet(String name) {
        for (Map.Entry<String, String> part : RESNET_PARTS.entrySet()) {
            int at = name.indexOf("." + part.getKey() + ".");
            if (at >= 0) {
                return name.substring(0, at + 1) + part.getValue() + name.substring(at + 1 + part.getKey().length());
            }
        }
        return name;
    }

    /**
     * The diffusers name of {@code name}, which follows {@code first_stage_model.}.
     *
     * @param levels resolutions of the VAE
     */
    static String vae(String name, int levels) {
        int half = name.indexOf('.') + 1; // encoder. or decoder.
        if (!name.startsWith("encoder.") && !name.startsWith("decoder.")) {
            return name;
        }
        String of = name.substring(0, half);
        String rest = name.substring(half);
        Matcher block = VAE_BLOCK.matcher(rest);
        if (!block.matches()) {
            return of + replaced(rest, VAE_PARTS);
        }
        int level = Integer.parseInt(block.group(2));
        String at = of + (block.group(1).equals("down") ? "down_blocks." + level : "up_blocks." + (levels - 1 - level));
        String last = block.group(5);
        return switch (block.group(3)) {
            case "downsample" -> at + ".downsamplers.0." + last;
            case "upsample" -> at + ".upsamplers.0." + last;
            default -> at + ".resnets." + block.group(4) + "." + last.replace("nin_shortcut", "conv_shortcut");
        };
    }

    /** The transformers name of {@code name}, which follows {@code cond_stage_model.transformer.}. */
    static String text(String name) {
        return name.startsWith("text_model.") ? name : "text_model." + name;
    }

    /** {@code name} with the beginning that the table lists replaced. */
    private static String replaced(String name, Map<String, String> table) {
        for (Map.Entry<String, String> part : table.entrySet()) {
            if (name.startsWith(part.getKey()) && (part.getKey().endsWith(".") || name.startsWith(part.getKey() + "."))) {
                return part.getValue() + name.substring(part.getKey().length());
            }
        }
        return name;
    }
}
