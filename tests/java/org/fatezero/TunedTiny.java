package org.fatezero;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;

import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.TensorWriter;
import org.fatezero.tensor.Torch;
import org.fatezero.tensor.Weights;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** The tiny model with the temporal layers of {@code tests/golden/tuned.safetensors}, as a folder. */
public final class TunedTiny {

    private TunedTiny() {
    }

    /**
     * @param kind {@code lowrank}, the authors' variant, or {@code dense}
     * @param folder where the model is written
     * @param rename of the added tensors
     */
    public static Path write(String kind, Path folder, UnaryOperator<String> rename) throws IOException {
        try (Stream<Path> files = Files.walk(Golden.TINY)) {
            for (Path file : files.toList()) {
                Path to = folder.resolve(Golden.TINY.relativize(file).toString());
                Files.createDirectories(Files.isDirectory(file) ? to : to.getParent());
                if (Files.isRegularFile(file)) {
                    Files.copy(file, to);
                }
            }
        }
        Path unet = Weights.find(folder.resolve("unet"));
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch"); SafeTensors plain = new SafeTensors(unet);
                SafeTensors added = new SafeTensors(Golden.FOLDER.resolve("tuned.safetensors"))) {
            Map<String, NDArray> all = new LinkedHashMap<>();
            Weights from = Weights.of(plain, manager, DataType.FLOAT32, new Torch(manager));
            for (SafeTensors.Entry entry : plain.entries().values()) {
                all.put(entry.name(), from.get(entry.name(), entry.shape()));
            }
            from = Weights.of(added, manager, DataType.FLOAT32, from.torch());
            for (SafeTensors.Entry entry : added.entries().values()) {
                if (entry.name().startsWith(kind + "/")) {
                    all.put(rename.apply(entry.name().substring(kind.length() + 1)), from.get(entry.name(), entry.shape()));
                }
            }
            TensorWriter.write(unet, all, Map.of());
        }
        return folder;
    }
}
