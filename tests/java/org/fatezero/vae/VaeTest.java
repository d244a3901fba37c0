package org.fatezero.vae;

import org.fatezero.Golden;

import org.junit.jupiter.api.Test;

/** Against diffusers' AutoencoderKL on the tiny checkpoint. */
class VaeTest {

    private static final double LIMIT = 1e-4;

    @Test
    void encodesToTheReferenceMean() throws Exception {
        try (Golden golden = new Golden("modules.safetensors")) {
            Vae vae = new Vae(Vae.Config.read(Golden.config("vae")), golden.weights("vae"));
            Golden.assertClose(golden.array("vae.encode.out"), vae.encode(golden.array("vae.encode.in0")), LIMIT, "encode");
        }
    }

    @Test
    void decodesToTheReferencePixels() throws Exception {
        try (Golden golden = new Golden("modules.safetensors")) {
            Vae vae = new Vae(Vae.Config.read(Golden.config("vae")), golden.weights("vae"));
            Golden.assertClose(golden.array("vae.decode.out"), vae.decode(golden.array("vae.decode.in0")), LIMIT, "decode");
        }
    }
}
