package org.fatezero.tune;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;

import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.TensorWriter;
import org.fatezero.tensor.Weights;
import org.fatezero.unet.UNetConfig;

import java.io.IOException;
import java.nio.file.FileVisitOption;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A model folder in the diffusers layout whose UNet has temporal attention: what tuning starts from and writes. The UNet's
 * configuration names the classes of the authors' code, which loads it, as does the filter.
 */
final class TunedModelFolder {

    private static final Pattern QUERIES = Pattern.compile("(.*\\.transformer_blocks\\.\\d+)\\.attn1\\.to_q\\.weight");
    private static final List<String> PARTS = List.of("model_index.json", "tokenizer", "text_encoder", "vae", "scheduler");
    private static final String CAPTIONER = "captioner"; // which some have
    private static final Pattern TEMPORARY = Pattern.compile("\\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\\.part");
    private static final Duration ABANDONED = Duration.ofHours(1);

    private final Path folder;

    /** @param folder that {@link #create} has been called for */
    TunedModelFolder(Path folder) {
        this.folder = folder;
    }

    Path path() {
        return folder;
    }

    Path unet() {
        return folder.resolve("unet").resolve("diffusion_pytorch_model.safetensors");
    }

    /**
     * Copies {@code model} and gives its UNet what temporal attention it lacks, which changes nothing until it is trained: its
     * last layer is zero.
     *
     * @param seed of the other layers' first weights
     * @throws IOException if {@code model} is no diffusers folder, or {@code folder} cannot be written; nothing is left of it then
     */
    static TunedModelFolder create(Path model, Path folder, long seed) throws IOException {
        TunedModelFolder created = new TunedModelFolder(folder);
        try {
            created.fill(model, seed);
        } catch (IOException | RuntimeException | Error e) {
            created.delete();
            throw e;
        }
        return created;
    }

    private void fill(Path model, long seed) throws IOException {
        Path weights = Weights.find(model.resolve("unet"));
        Path unet = model.resolve("unet").resolve("config.json");
        UNetConfig.read(new ModelConfig(unet)); // what is wrong with it is told before gigabytes are copied
        for (String part : PARTS) {
            copy(model.resolve(part), folder.resolve(part));
        }
        if (Files.exists(model.resolve(CAPTIONER))) {
            copy(model.resolve(CAPTIONER), folder.resolve(CAPTIONER));
        }
        Files.createDirectories(folder.resolve("unet"));
        try (SafeTensors file = new SafeTensors(weights); NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            Map<String, NDArray> added = temporal(file, manager, seed);
            write(unet(), file, manager, added);
            Gson gson = new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();
            JsonObject config = gson.fromJson(Files.readString(unet), JsonObject.class);
            if (!added.isEmpty()) {
                rename(config);
            }
            Files.writeString(folder.resolve("unet").resolve("config.json"), gson.toJson(config) + "\n");
        }
    }

    /** A name for a folder that is not complete yet. */
    static String temporaryName() {
        return "." + UUID.randomUUID() + ".part";
    }

    /** Takes away what a process left behind that was killed while it filled a folder. */
    static void deleteAbandoned(Path parent) throws IOException {
        if (!Files.isDirectory(parent)) {
            return;
        }
        Instant recently = Instant.now().minus(ABANDONED);
        try (Stream<Path> folders = Files.list(parent)) {
            for (Path folder : folders.filter(path -> TEMPORARY.matcher(path.getFileName().toString()).matches()).toList()) {
                if (Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
                        && Files.getLastModifiedTime(folder).toInstant().isBefore(recently)) {
                    new TunedModelFolder(folder).delete();
                }
            }
        }
    }

    /** Gives the folder another name, which none has. */
    TunedModelFolder moveTo(Path place) throws IOException {
        return new TunedModelFolder(Files.move(folder, place, StandardCopyOption.ATOMIC_MOVE));
    }

    /** Puts {@code trained} in the place of the weights of the same names. */
    void save(Map<String, NDArray> trained) throws IOException {
        try (SafeTensors file = new SafeTensors(unet()); NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            write(unet(), file, manager, trained);
        }
    }

    /** Takes it all away again. */
    void delete() throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    private static void write(Path to, SafeTensors file, NDManager manager, Map<String, NDArray> others) throws IOException {
        Map<String, NDArray> all = new LinkedHashMap<>();
        for (SafeTensors.Entry entry : file.entries().values()) {
            if (!others.containsKey(entry.name())) {
                all.put(entry.name(), Weights.read(file, entry, manager, entry.shape()));
            }
        }
        all.putAll(others);
        TensorWriter.write(to, all, Map.of("format", "pt"));
    }

    /** Temporal attention for each block that has none, by name. */
    private static Map<String, NDArray> temporal(SafeTensors file, NDManager manager, long seed) {
        Random random = new Random(seed);
        Map<String, NDArray> added = new LinkedHashMap<>();
        for (SafeTensors.Entry entry : file.entries().values()) {
            Matcher queries = QUERIES.matcher(entry.name());
            if (!queries.matches() || file.entries().containsKey(queries.group(1) + ".attn_temporal.to_q.weight")
                    || file.entries().containsKey(queries.group(1) + ".attn_temp.to_q.weight")) {
                continue;
            }
            long width = entry.shape()[0];
            String attention = queries.group(1) + ".attn_temporal.";
            for (String name : List.of("to_q", "to_k", "to_v")) {
                float[] values = new float[(int) (width * width)];
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) ((2 * random.nextDouble() - 1) / Math.sqrt(width)); // as PyTorch begins a linear layer
                }
                added.put(attention + name + ".weight", manager.create(values, new Shape(width, width)));
            }
            added.put(attention + "to_out.0.weight", manager.zeros(new Shape(width, width), DataType.FLOAT32));
            added.put(attention + "to_out.0.bias", manager.zeros(new Shape(width), DataType.FLOAT32));
            added.put(queries.group(1) + ".norm_temporal.weight", manager.ones(new Shape(width), DataType.FLOAT32));
            added.put(queries.group(1) + ".norm_temporal.bias", manager.zeros(new Shape(width), DataType.FLOAT32));
        }
        return added;
    }

    /** The authors' names of the classes. */
    private static void rename(JsonObject config) {
        config.addProperty("_class_name", "UNetPseudo3DConditionModel");
        config.remove("mid_block_type"); // which is the only one, under yet another name
        for (String blocks : List.of("down_block_types", "up_block_types")) {
            JsonArray renamed = new JsonArray();
            for (JsonElement type : config.getAsJsonArray(blocks)) {
                renamed.add(type.getAsString().replaceFirst("2D$", "Pseudo3D"));
            }
            config.add(blocks, renamed);
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        if (!Files.exists(from)) {
            return; // what of these a model needs is missed when it is loaded
        }
        try (Stream<Path> files = Files.walk(from, FileVisitOption.FOLLOW_LINKS)) {
            for (Path file : files.toList()) {
                Path target = to.resolve(from.relativize(file).toString());
                if (!Files.isDirectory(file) && !file.toString().endsWith(".bin")) { // which would be refused
                    Files.createDirectories(target.toAbsolutePath().getParent());
                    Files.copy(file, target, StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
    }
}
