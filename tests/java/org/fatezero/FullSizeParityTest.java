package org.fatezero;

import ai.djl.ndarray.NDArray;

import org.fatezero.forward.ForwardContext;
import org.fatezero.text.TextEncoder;
import org.fatezero.unet.UNet;
import org.fatezero.unet.UNetConfig;
import org.fatezero.vae.Vae;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

import java.nio.file.Path;
import java.util.Arrays;

/**
 * Stable Diffusion 1.4 at full size, random weights, against diffusers and transformers: {@code tests/golden/full_size.py
 * --out DIR}, then {@code mvn test -Dtest=FullSizeParityTest -Dfull=DIR}. Prints the errors it measured.
 */
@EnabledIfSystemProperty(named = "full", matches = ".+")
class FullSizeParityTest {

    private static final double LIMIT = 1e-4;

    private final Path folder = Path.of(System.getProperty("full", "."));

    private Golden golden() throws Exception {
        return new Golden(folder.resolveSibling(folder.getFileName() + ".safetensors"));
    }

    @Test
    void textEncoder() throws Exception {
        try (Golden golden = golden()) {
            TextEncoder encoder = new TextEncoder(TextEncoder.Config.read(Golden.config(folder, "text_encoder")),
                    golden.weights(folder, "text_encoder"));
            int[] ids = golden.integers("text.ids");
            NDArray expected = golden.array("text.out");
            for (int i = 0; i < ids.length / 77; i++) {
                check(expected.get("{}:{}", i, i + 1),
                        encoder.forward(golden.manager, Arrays.copyOfRange(ids, i * 77, (i + 1) * 77)), "text encoder");
            }
        }
    }

    @Test
    void vae() throws Exception {
        try (Golden golden = golden()) {
            Vae vae = new Vae(Vae.Config.read(Golden.config(folder, "vae")), golden.weights(folder, "vae"));
            check(golden.array("vae.encode.out"), vae.encode(golden.array("vae.encode.in0")), "VAE encode");
            check(golden.array("vae.decode.out"), vae.decode(golden.array("vae.decode.in0")), "VAE decode");
        }
    }

    @Test
    void unet() throws Exception {
        try (Golden golden = golden()) {
            long start = System.nanoTime();
            UNet unet = new UNet(UNetConfig.read(Golden.config(folder, "unet")), golden.weights(folder, "unet"));
            long loaded = System.nanoTime();
            NDArray epsilon = unet.forward(golden.array("unet.latents"), golden.integers("unet.timestep")[0],
                    golden.array("unet.text"), ForwardContext.plain(1));
            long done = System.nanoTime();
            check(golden.array("unet.out"), epsilon, "UNet");
            report("UNet: loaded in %.1f s, one pass in %.1f s", (loaded - start) / 1e9, (done - loaded) / 1e9);
        }
    }

    private static void check(NDArray expected, NDArray actual, String what) {
        report("%s: relative error %.2e", what, Golden.assertClose(expected, actual, LIMIT, what));
    }

    private static void report(String format, Object... values) {
        System.getLogger("parity").log(System.Logger.Level.INFO, String.format(format, values));
    }
}
