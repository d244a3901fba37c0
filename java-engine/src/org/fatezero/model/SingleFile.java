package org.fatezero.model;

import org.fatezero.io.ModelConfig;
import org.fatezero.io.TextFile;
import org.fatezero.nn.ClipTransformer;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.text.TextEncoder;
import org.fatezero.unet.UNetConfig;
import org.fatezero.vae.Vae;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * A whole Stable Diffusion 1.x model in one safetensors file, by its original names: what is exchanged as a "checkpoint". Sizes
 * are read from its tensors; what tensors do not tell has the values that Stable Diffusion 1.x was published with. The
 * vocabulary is in no such file and is looked for beside it.
 */
final class SingleFile implements Checkpoint {

    /** Stable Diffusion's noise schedule. */
    private static final String SCHEDULER = """
            {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000,
             "set_alpha_to_one": false, "steps_offset": 1, "prediction_type": "epsilon"}""";
    private static final double SCALING_FACTOR = 0.18215;
    private static final double NORM_EPS = 1e-5;
    private static final int SAMPLE_SIZE = 64;

    private static final Map<String, Part> PREFIXES = Map.of("model.diffusion_model.", Part.UNET, "first_stage_model.", Part.VAE,
            "cond_stage_model.transformer.", Part.TEXT_ENCODER);

    /** What trainers leave behind. */
    private static final Pattern NOT_OF_THE_MODEL = Pattern.compile("loss\\.|model_ema\\.|logit_scale|text_projection"
            + "|visual_projection|vision_model\\.");

    private static final Pattern PREDICTS_V = Pattern.compile("(?m)^[ \\t]*parameterization:[ \\t]*[\"']?v[\"']?[ \\t]*$");
    private static final long CONFIGURATION_LIMIT = 1 << 20;

    private final SafeTensors file;
    private final Map<Part, Map<String, SafeTensors.Entry>> parts = new EnumMap<>(Part.class);
    private final int heads;
    private final int normNumGroups;
    private final int textHead;
    private final List<Path> tokenizers;

    /**
     * @param tokenizers folders that may hold the tokenizer, besides {@code tokenizer} beside the file
     * @throws IOException if the file is no safetensors file, or of another model
     */
    SingleFile(Path path, List<Path> tokenizers) throws IOException {
        this(path, tokenizers, 8, 32, 64);
    }

    /**
     * A model of other sizes than the published ones, where tensors do not tell them.
     *
     * @param heads of the UNet's attention
     * @param normNumGroups of all group norms
     * @param textHead width of a head of the text encoder
     */
    SingleFile(Path path, List<Path> tokenizers, int heads, int normNumGroups, int textHead) throws IOException {
        this.textHead = textHead;
        this.heads = heads;
        this.normNumGroups = normNumGroups;
        this.tokenizers = new ArrayList<>(List.of(path.toAbsolutePath().resolveSibling("tokenizer")));
        this.tokenizers.addAll(tokenizers);
        file = new SafeTensors(path);
        try {
            requireEpsilon(path);
        } catch (IOException e) {
            close();
            throw e;
        }
        int vaeLevels = count(file.entries(), "first_stage_model.encoder.down.%d.block.0.norm1.weight");
        for (Part part : Part.values()) {
            parts.put(part, new LinkedHashMap<>());
        }
        file.entries().forEach((name, entry) -> PREFIXES.forEach((prefix, part) -> {
            if (name.startsWith(prefix)) {
                String original = name.substring(prefix.length());
                if (NOT_OF_THE_MODEL.matcher(original).lookingAt()) {
                    return;
                }
                parts.get(part).put(switch (part) {
                    case UNET -> LdmNames.unet(original);
                    case VAE -> LdmNames.vae(original, vaeLevels);
                    case TEXT_ENCODER -> LdmNames.text(original);
                }, entry);
            }
        }));
        for (Map.Entry<String, Part> prefix : PREFIXES.entrySet()) {
            if (tensors(prefix.getValue()).isEmpty()) {
                close();
                throw new IOException(path + ": has no tensors " + prefix.getKey() + "*; expected a whole Stable Diffusion 1.x checkpoint "
                        + "by its original names (a LoRA goes to lora=, a diffusers folder is named as a folder)");
            }
        }
    }

    /** Refuses models that predict v: no tensor's shape tells them, but trainers note it, in the file or in a configuration beside it. */
    private void requireEpsilon(Path path) throws IOException {
        Map<String, String> noted = file.metadata();
        String found = null;
        if (noted.getOrDefault("modelspec.prediction_type", "").equalsIgnoreCase("v")) {
            found = "modelspec.prediction_type=v";
        } else if (noted.getOrDefault("ss_v_parameterization", "").equalsIgnoreCase("true")) {
            found = "ss_v_parameterization=True";
        } else if (file.entries().containsKey("v_pred")) {
            found = "a tensor v_pred";
        }
        Path beside = path.toAbsolutePath().resolveSibling(path.getFileName().toString().replaceFirst("\\.[^.]*$", ".yaml"));
        if (found == null && Files.isRegularFile(beside)
                && PREDICTS_V.matcher(TextFile.read(beside, CONFIGURATION_LIMIT, "a configuration")).find()) {
            found = "parameterization: v in " + beside.getFileName();
        }
        if (found != null) {
            throw new IOException(path + ": this model predicts v (" + found
                    + "); expected one that predicts epsilon, as Stable Diffusion 1.x does");
        }
    }

    @Override
    public TextEncoder.Config textEncoder() throws IOException {
        int[] tokens = shape(Part.TEXT_ENCODER, "text_model.embeddings.token_embedding.weight", 2);
        int[] positions = shape(Part.TEXT_ENCODER, "text_model.embeddings.position_embedding.weight", 2);
        int[] wide = shape(Part.TEXT_ENCODER, "text_model.encoder.layers.0.mlp.fc1.weight", 2);
        int layers = count(tensors(Part.TEXT_ENCODER), "text_model.encoder.layers.%d.layer_norm1.weight");
        return new TextEncoder.Config(new ClipTransformer.Config(tokens[1], wide[0], layers, Math.max(1, tokens[1] / textHead), NORM_EPS,
                true), tokens[0], positions[0]);
    }

    @Override
    public Vae.Config vae() throws IOException {
        int levels = count(tensors(Part.VAE), "encoder.down_blocks.%d.resnets.0.norm1.weight");
        return new Vae.Config(shape(Part.VAE, "post_quant_conv.weight", 4)[0],
                channels(Part.VAE, "encoder.down_blocks.%d.resnets.0.conv1.weight", levels),
                count(tensors(Part.VAE), "encoder.down_blocks.0.resnets.%d.norm1.weight"), normNumGroups, SCALING_FACTOR);
    }

    @Override
    public UNetConfig unet() throws IOException {
        int levels = count(tensors(Part.UNET), "down_blocks.%d.resnets.0.norm1.weight");
        boolean[] down = new boolean[levels];
        boolean[] up = new boolean[levels];
        for (int i = 0; i < levels; i++) {
            down[i] = tensors(Part.UNET).containsKey("down_blocks." + i + ".attentions.0.norm.weight");
            up[i] = tensors(Part.UNET).containsKey("up_blocks." + i + ".attentions.0.norm.weight");
        }
        return new UNetConfig(shape(Part.UNET, "conv_in.weight", 4)[1], shape(Part.UNET, "conv_out.weight", 4)[0],
                channels(Part.UNET, "down_blocks.%d.resnets.0.conv1.weight", levels),
                count(tensors(Part.UNET), "down_blocks.0.resnets.%d.norm1.weight"), down, up,
                shape(Part.UNET, "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight", 2)[1], heads, normNumGroups, NORM_EPS,
                SAMPLE_SIZE, true, 0);
    }

    @Override
    public ModelConfig scheduler() throws IOException {
        return new ModelConfig(file.file(), SCHEDULER);
    }

    @Override
    public Path tokenizer() throws IOException {
        for (Path folder : tokenizers) {
            if (Files.exists(folder.resolve("vocab.json")) || Files.exists(folder.resolve("tokenizer.json"))) {
                return folder;
            }
        }
        throw new NoSuchFileException("model=" + file.file() + ": CLIP's vocabulary is not in a single-file checkpoint; put vocab.json and "
                + "merges.txt of any Stable Diffusion 1.x model's tokenizer into " + tokenizers.get(0));
    }

    @Override
    public SafeTensors file(Part part) {
        return file;
    }

    @Override
    public Map<String, SafeTensors.Entry> tensors(Part part) {
        return parts.get(part);
    }

    @Override
    public void digest(MessageDigest digest) throws IOException {
        file.digest(digest);
    }

    @Override
    public void close() throws IOException {
        file.close();
    }

    private int[] channels(Part part, String pattern, int levels) throws IOException {
        int[] channels = new int[levels];
        for (int i = 0; i < levels; i++) {
            channels[i] = shape(part, numbered(pattern, i), 4)[0];
            if (channels[i] < 1 || channels[i] % normNumGroups != 0 || channels[i] % heads != 0) {
                throw new IOException(file.file() + ": " + numbered(pattern, i) + " has " + channels[i]
                        + " channels, expected multiples of " + normNumGroups + " and of " + heads);
            }
        }
        return channels;
    }

    /** The shape of a tensor that every such model has. */
    private int[] shape(Part part, String name, int rank) throws IOException {
        SafeTensors.Entry entry = tensors(part).get(name);
        if (entry == null || entry.shape().length != rank) {
            throw new IOException(file.file() + ": its " + part.folder() + " has no " + name + " of " + rank
                    + " axes; expected a Stable Diffusion 1.x checkpoint");
        }
        int[] shape = new int[rank];
        for (int i = 0; i < rank; i++) {
            shape[i] = (int) Math.min(entry.shape()[i], Integer.MAX_VALUE);
        }
        return shape;
    }

    /** In the digits of tensors' names, whatever those of the user's language are. */
    private static String numbered(String pattern, int i) {
        return String.format(Locale.ROOT, pattern, i);
    }

    /** How many of the numbered names there are, from 0. */
    private static int count(Map<String, ?> tensors, String pattern) {
        int n = 0;
        while (tensors.containsKey(numbered(pattern, n))) {
            n++;
        }
        return n;
    }
}
