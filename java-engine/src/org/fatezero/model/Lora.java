package org.fatezero.model;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;

import org.fatezero.io.ModelConfig;
import org.fatezero.io.TextFile;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.Scope;
import org.fatezero.tensor.Weights;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A low-rank adaptation of a model (Hu et al. 2021): {@code W + scale alpha / r up down} for some of its matrices and
 * convolutions, merged into the weights as they are read.
 *
 * <p>Both namings in use are understood: the trainers' ({@code lora_unet_..._to_q.lora_down.weight}) and diffusers'
 * ({@code unet....to_q.lora_A.weight}, {@code .lora.down.weight}, {@code .processor.to_q_lora.down.weight}), which in a file of the UNet
 * alone may lack {@code unet.}. They differ from the checkpoint's names in dots and underscores, so a module is found by its name
 * without either.
 */
public final class Lora implements AutoCloseable {

    private static final Pattern KOHYA = Pattern.compile("lora_(unet|te)_(.+)\\.(lora_down|lora_up|lora_mid|alpha)(?:\\.weight)?");
    private static final Pattern DIFFUSERS = Pattern.compile("(?:base_model\\.model\\.)?"
            + "(?:(unet|text_encoder)\\.|(?=(?:down_blocks|mid_block|up_blocks|conv_in|conv_out|time_embedding)\\.))(.+?)"
            + "(?:\\.lora|_lora|\\.lora_linear_layer)?[._](lora_A|lora_B|down|up|alpha)(?:\\.default)?(?:\\.weight)?");

    private static final Pattern MAGNITUDE = Pattern.compile("dora_scale|lora_magnitude_vector");

    // Where no tensor tells alpha: diffusers notes it in the file, as JSON, and PEFT, whose names begin so, in another file beside it
    private static final String NOTES = "lora_adapter_metadata";
    private static final String PEFT = "base_model.model.";
    private static final String PEFT_NOTES = "adapter_config.json";
    private static final long NOTES_LIMIT = 1 << 20;
    private static final String ALPHA = "lora_alpha";

    private static final class Module {
        SafeTensors.Entry down; // (r, in) or (r, in, kh, kw)
        SafeTensors.Entry up;   // (out, r) or (out, r, 1, 1)
        SafeTensors.Entry mid;  // (r, r, kh, kw) between them where a convolution is decomposed further, or null
        SafeTensors.Entry alpha;
    }

    private final SafeTensors file;
    private final double scale;
    private final String noted; // what PEFT notes, or else diffusers
    private final ModelConfig notes;
    private final Map<String, Module> modules = new LinkedHashMap<>(); // by part and flat name
    private final Set<String> strange = new TreeSet<>();
    private final Set<String> merged = new HashSet<>();

    /**
     * @param scale of the adaptation, 1 for as trained
     * @throws IOException if the file is no safetensors file or holds no adaptation
     */
    public Lora(Path path, double scale) throws IOException {
        this.scale = scale;
        file = new SafeTensors(path);
        try {
            for (SafeTensors.Entry entry : file.entries().values()) {
                sort(entry);
            }
        } catch (IOException e) {
            close();
            throw e;
        }
        modules.entrySet().removeIf(module -> {
            boolean whole = module.getValue().down != null && module.getValue().up != null;
            if (!whole) {
                strange.add(module.getKey());
            }
            return !whole;
        });
        if (modules.isEmpty()) {
            close();
            throw new IOException(path + ": holds no LoRA for a Stable Diffusion 1.x model; expected tensors such as "
                    + "lora_unet_*.lora_down.weight or unet.*.lora_A.weight");
        }
        Path beside = path.resolveSibling(PEFT_NOTES);
        boolean isBeside = modules.values().iterator().next().down.name().startsWith(PEFT) && Files.exists(beside);
        try {
            noted = isBeside ? TextFile.read(beside, NOTES_LIMIT, "PEFT writes it beside " + path.getFileName())
                    : file.metadata().getOrDefault(NOTES, "{}");
            notes = new ModelConfig(isBeside ? beside : path, noted);
        } catch (IOException | RuntimeException e) {
            close();
            throw e;
        }
    }

    private void sort(SafeTensors.Entry entry) throws IOException {
        if (MAGNITUDE.matcher(entry.name()).find()) {
            throw new IOException(file.file() + ": has " + entry.name()
                    + ", so it is a DoRA, which scales the weights as well; expected a LoRA");
        }
        Matcher name = KOHYA.matcher(entry.name());
        if (!name.matches()) {
            name = DIFFUSERS.matcher(entry.name());
        }
        if (!name.matches()) {
            strange.add(entry.name());
            return;
        }
        String part = name.group(1) == null || name.group(1).equals("unet") ? "unet" : "text_encoder";
        Module module = modules.computeIfAbsent(flat(part, name.group(2)), key -> new Module());
        switch (name.group(3)) {
            case "lora_down", "lora_A", "down" -> module.down = entry;
            case "lora_up", "lora_B", "up" -> module.up = entry;
            case "lora_mid" -> module.mid = entry;
            default -> module.alpha = entry;
        }
    }

    private static String flat(String part, String module) {
        String flat = (part + "." + module).replace(".processor", "").replace('.', '_');
        if (part.equals("text_encoder")) { // diffusers of 2023 named its layers as the UNet's
            return flat.replaceFirst("_to_(q|k|v)$", "_$1_proj").replaceFirst("_to_out$", "_out_proj");
        }
        return flat.endsWith("_to_out") ? flat + "_0" : flat;
    }

    /** Adds what the file says of a weight of {@code part}, {@code unet} or {@code text_encoder}. */
    public NDArray adapt(String part, String name, NDArray tensor) throws IOException {
        if (!name.endsWith(".weight")) {
            return tensor;
        }
        String flat = flat(part, name.substring(0, name.length() - ".weight".length()));
        Module module = modules.get(flat);
        if (module == null) {
            return tensor;
        }
        merged.add(flat);
        long rank = module.down.shape().length == 0 ? 0 : module.down.shape()[0];
        if (rank < 1 || rank > Integer.MAX_VALUE) {
            throw new IOException(file.file() + ": " + module.down.name() + " has the shape " + Arrays.toString(module.down.shape())
                    + ", expected (rank, inputs) of a rank from 1 to " + Integer.MAX_VALUE);
        }
        double strength = scale * factor(module, part, name.substring(0, name.length() - ".weight".length()), rank, tensor.getManager());
        long[] shape = tensor.getShape().getShape();
        long out = shape[0];
        long in = module.mid == null ? tensor.getShape().size() / out : shape[1];
        long taps = tensor.getShape().size() / (out * in);
        if (module.up.shape().length < 2 || size(module.up) != out * rank || size(module.down) != rank * in
                || module.mid != null && size(module.mid) != rank * rank * taps) {
            throw new IOException(file.file() + ": " + module.up.name() + " " + Arrays.toString(module.up.shape()) + " and "
                    + module.down.name() + " " + Arrays.toString(module.down.shape()) + " do not fit " + part + "'s " + name + " "
                    + Arrays.toString(shape) + "; is it a LoRA for another model?");
        }
        try (tensor; Scope scope = new Scope(tensor)) {
            NDManager temporary = tensor.getManager();
            NDArray up = read(module.up, temporary, out, rank);
            NDArray down = read(module.down, temporary, rank, in);
            NDArray product;
            if (module.mid == null) {
                product = up.matMul(down);
            } else {
                NDArray left = up.matMul(read(module.mid, temporary, rank, rank * taps)); // (out, r taps)
                product = left.reshape(out, rank, taps).transpose(0, 2, 1).matMul(down)   // (out, taps, in)
                        .transpose(0, 2, 1);
            }
            NDArray adapted = tensor.toType(DataType.FLOAT32, false).add(product.reshape(shape).mul(strength));
            return scope.keep(adapted.toType(tensor.getDataType(), false));
        }
    }

    /** The factor of a module's product: {@code alpha / r}, of the tensor that says alpha, or of what is noted. */
    private double factor(Module module, String part, String name, long rank, NDManager manager) throws IOException {
        if (module.alpha != null) {
            return size(module.alpha) == 1 ? Weights.number(file, module.alpha, manager) / rank : 1;
        }
        String prefix = notes.has(part + "." + ALPHA) ? part + "." : ""; // a file of the UNet alone has none
        ModelConfig each = notes.at(prefix + "alpha_pattern"); // by the ends of names
        String end = name;
        while (!each.has(end) && end.contains(".")) {
            end = end.substring(end.indexOf('.') + 1);
        }
        double alpha = each.number(end, notes.number(prefix + ALPHA, (double) rank));
        return alpha / (notes.flag(prefix + "use_rslora", false) ? Math.sqrt(rank) : rank);
    }

    private NDArray read(SafeTensors.Entry entry, NDManager manager, long... shape) throws IOException {
        return Weights.read(file, entry, manager, shape).toType(DataType.FLOAT32, false);
    }

    private static long size(SafeTensors.Entry entry) {
        return Arrays.stream(entry.shape()).reduce(1, (a, b) -> a * b);
    }

    public Path file() {
        return file.file();
    }

    /** Adds what tells this adaptation from another. */
    public void digest(MessageDigest digest) throws IOException {
        digest.update(Double.toString(scale).getBytes(StandardCharsets.US_ASCII));
        digest.update(noted.getBytes(StandardCharsets.UTF_8));
        file.digest(digest);
    }

    /**
     * What of the file the model has no place for, once all its weights are read; empty for a LoRA that fits.
     *
     * @throws IOException if none of it was merged
     */
    public Set<String> leftOver() throws IOException {
        if (merged.isEmpty()) {
            throw new IOException(file.file() + ": none of its " + modules.size() + " modules is in this model, among them "
                    + modules.values().iterator().next().down.name() + "; is it a LoRA for another model?");
        }
        Set<String> left = new TreeSet<>(strange);
        modules.forEach((flat, module) -> {
            if (!merged.contains(flat)) {
                left.add(module.down.name());
            }
        });
        return left;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
