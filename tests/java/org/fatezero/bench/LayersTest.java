package org.fatezero.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.fatezero.Golden;
import org.fatezero.io.ModelConfig;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.Weights;
import org.fatezero.text.TextEncoder;
import org.fatezero.unet.UNetConfig;
import org.fatezero.vae.Vae;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

class LayersTest {

    private static final int[] LATENT = {64, 64};
    private static final int[] PIXELS = {512, 512};

    @TempDir
    private Path folder;

    private ModelConfig config(String part) throws IOException {
        FullSize.writeConfigurations(folder);
        return new ModelConfig(folder.resolve(part).resolve("config.json"));
    }

    /** Counted on Stable Diffusion 1.4 by a profiler of its reference implementation, in GFLOP. */
    @Test
    void stableDiffusionCostsWhatWasCounted() throws Exception {
        UNetConfig unet = UNetConfig.read(config("unet"));
        assertEquals(803, Layers.unet(unet, LATENT, 1, 32, 77).operations() / 1e9, 5);
        assertEquals(400, Layers.unet(unet, LATENT, 1, 32, 77).convolutions / 1e9, 4);
        assertEquals(926, Layers.unet(unet, LATENT, 2, 64, 77).operations() / 1e9, 5);
        assertEquals(818, Layers.unet(unet, LATENT, 2, 32, 77).operations() / 1e9, 5);
        Vae.Config vae = Vae.Config.read(config("vae"));
        assertEquals(1117, Layers.encoder(vae, PIXELS).operations() / 1e9, 10);
        assertEquals(2515, Layers.decoder(vae, PIXELS).operations() / 1e9, 20);
        assertEquals(13.3, Layers.text(TextEncoder.Config.read(config("text_encoder"))).operations() / 1e9, 0.3);
    }

    /** The names and shapes are those of a checkpoint that the reference implementation wrote. */
    @Test
    void theTinyModelHasTheseTensors() throws Exception {
        ModelConfig unet = new ModelConfig(Golden.TINY.resolve("unet/config.json"));
        assertTensors("unet", Layers.unet(UNetConfig.read(unet), LATENT, 1, 32, 77));
        ModelConfig text = new ModelConfig(Golden.TINY.resolve("text_encoder/config.json"));
        assertTensors("text_encoder", Layers.text(TextEncoder.Config.read(text)));
        Vae.Config vae = Vae.Config.read(new ModelConfig(Golden.TINY.resolve("vae/config.json")));
        assertTensors("vae", Layers.encoder(vae, PIXELS), Layers.decoder(vae, PIXELS));
    }

    private static void assertTensors(String part, Layers... networks) throws IOException {
        Map<String, String> listed = new TreeMap<>();
        for (Layers network : networks) {
            network.layers.forEach(layer -> {
                listed.put(layer.name() + ".weight", Arrays.toString(layer.weight()));
                if (layer.bias()) {
                    listed.put(layer.name() + ".bias", Arrays.toString(new long[] {layer.weight()[0]}));
                }
            });
        }
        Map<String, String> stored = new TreeMap<>();
        try (SafeTensors file = new SafeTensors(Weights.find(Golden.TINY.resolve(part)))) {
            file.entries().forEach((name, entry) -> stored.put(name, Arrays.toString(entry.shape())));
        }
        stored.remove("text_model.embeddings.position_ids");
        assertEquals(stored, listed);
    }
}
