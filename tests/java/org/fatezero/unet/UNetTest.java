package org.fatezero.unet;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

import org.fatezero.Golden;
import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.ForwardHook;
import org.fatezero.forward.KeyFrames;
import org.fatezero.forward.Site;
import org.fatezero.forward.Window;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.Weights;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Against diffusers' UNet2DConditionModel on the tiny checkpoint. */
class UNetTest {

    private static final double LIMIT = 1e-4;

    @ParameterizedTest
    @ValueSource(strings = {"wide", "tall", "square", "odd"})
    void predictsTheReferenceNoise(String size) throws Exception {
        try (Golden golden = new Golden("modules.safetensors")) {
            UNet unet = new UNet(UNetConfig.read(Golden.config("unet")), golden.weights("unet"));
            NDArray z = golden.array("unet." + size + ".latents");
            NDArray text = golden.array("unet." + size + ".text");
            int t = golden.integers("unet." + size + ".timestep")[0];
            unet.forward(z, t, text, ForwardContext.plain(1)).close(); // the timestep's embedding stays
            int arrays = golden.manager.getManagedArrays().size();
            NDArray epsilon = unet.forward(z, t, text, ForwardContext.plain(1));
            assertEquals(arrays + 1, golden.manager.getManagedArrays().size(), "a pass leaves nothing behind but its result");
            Golden.assertClose(golden.array("unet." + size + ".out"), epsilon, LIMIT, size);
        }
    }

    @Test
    void framesOfAWindowShareTheirTextAndNothingElse() throws Exception {
        try (Golden golden = new Golden("modules.safetensors")) {
            UNet unet = new UNet(UNetConfig.read(Golden.config("unet")), golden.weights("unet"));
            NDArray z = golden.array("unet.wide.latents"); // (2, 4, h, w)
            NDArray text = golden.array("unet.wide.text").get("0:1");
            NDArray together = unet.forward(z, 21, text, ForwardContext.plain(2));
            NDArray second = unet.forward(z.get("1:2"), 21, text, ForwardContext.plain(1));
            Golden.assertClose(second, together.get("1:2"), 1e-5, "second frame");
        }
    }

    /** It rounds within, and is told and answers in single precision. diffusers, all in bfloat16, is off by 0.0277 here. */
    @Test
    void inBfloat16TheNoiseIsAsNearAsIsUsual() throws Exception {
        try (Golden golden = new Golden("modules.safetensors");
                SafeTensors file = new SafeTensors(Weights.find(Golden.TINY.resolve("unet")))) {
            UNet unet = new UNet(UNetConfig.read(Golden.config("unet")),
                    Weights.of(file, golden.manager, DataType.BFLOAT16, golden.torch));
            NDArray epsilon = unet.forward(golden.array("unet.wide.latents"), golden.integers("unet.wide.timestep")[0],
                    golden.array("unet.wide.text"), ForwardContext.plain(1));
            assertEquals(DataType.FLOAT32, epsilon.getDataType());
            double error = Golden.relativeError(golden.array("unet.wide.out"), epsilon);
            assertTrue(error > 1e-3 && error < 0.03, error + " of the noise");
        }
    }

    @Test
    void manyFramesAreWhatEachIsAlone() throws Exception {
        try (Golden golden = new Golden("modules.safetensors")) {
            UNet unet = new UNet(UNetConfig.read(Golden.config("unet")), golden.weights("unet"));
            NDArray z = golden.manager.randomNormal(new Shape(9, 4, 128, 64)); // wide layers run over them bit by bit
            NDArray text = golden.array("unet.wide.text").get("0:1");
            NDArray together = unet.forward(z, 21, text, ForwardContext.plain(9));
            NDArray last = unet.forward(z.get("8:9"), 21, text, ForwardContext.plain(1));
            Golden.assertClose(last, together.get("8:9"), 1e-5, "last frame");
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 9, 14, true", "4, 9, 14, true", "7, 9, 14, true", "8, 16, 16, true", "11, 11, 11, true",
        "0, 9, 14, false", "8, 9, 14, false", "32, 9, 14, false", "63, 9, 14, false", "64, 9, 14, false"})
    void aBranchThatIsLeftBehindChangesNoOther(int upTo, int h, int w, boolean byArea) throws Exception {
        try (Golden golden = new Golden("modules.safetensors")) {
            UNet unet = new UNet(UNetConfig.read(Golden.config("unet")), golden.weights("unet"));
            NDArray z = golden.manager.randomNormal(new Shape(6, 4, h, w));
            NDArray text = golden.manager.randomNormal(new Shape(3, 77, 16));
            ForwardContext context = measuring(byArea).and((site, q, k, v, kernel) -> {
                assertTrue(q.getShape().get(0) == 3 || site.part() == Site.Part.UP && !site.isAtMost(upTo), site.name());
                return kernel.apply(q, k, v);
            });
            NDArray all = unet.forward(z, 21, text, ForwardContext.plain(2));
            NDArray wanted = unet.forward(z, 21, text, context.firstUpTo(upTo));
            boolean whole = upTo >= (byArea ? Math.sqrt(h * w) : 64);
            assertEquals(whole ? 6 : 4, wanted.getShape().get(0));
            Golden.assertClose(whole ? all : all.get("2:"), wanted, 1e-5, "up to " + upTo);
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 2, 64", "1, 3, 64", "2, 3, 64", "2, 3, 4", "3, 3, 64"})
    void branchesOfTheSameLatentsNeedThemOnce(int different, int branches, int upTo) throws Exception {
        try (Golden golden = new Golden("modules.safetensors")) {
            UNet unet = new UNet(UNetConfig.read(Golden.config("unet")), golden.weights("unet"));
            NDArray z = golden.manager.randomNormal(new Shape(2 * different, 4, 9, 14));
            NDArray all = z;
            for (int i = different; i < branches; i++) {
                all = all.concat(z.get("{}:", 2 * (different - 1)), 0);
            }
            NDArray text = golden.manager.randomNormal(new Shape(branches, 77, 16));
            ForwardContext context = measuring(false).firstUpTo(upTo);
            Golden.assertClose(unet.forward(all, 21, text, context), unet.forward(z, 21, text, context), 1e-5,
                    different + " of " + branches);
        }
    }

    @ParameterizedTest
    @CsvSource({"8, 12, true", "9, 14, true", "5, 1, true", "8, 12, false", "9, 14, false"})
    void itsAttentionLayersAreKnownWithoutAPass(int h, int w, boolean byArea) throws Exception {
        try (Golden golden = new Golden("modules.safetensors")) {
            UNet unet = new UNet(UNetConfig.read(Golden.config("unet")), golden.weights("unet"));
            List<UNetConfig.AttentionLayer> seen = new ArrayList<>();
            unet.forward(golden.manager.randomNormal(new Shape(2, 4, h, w)), 21, golden.manager.randomNormal(new Shape(1, 77, 16)),
                    measuring(byArea).and((site, q, k, v, kernel) -> {
                        seen.add(new UNetConfig.AttentionLayer(site, (int) (q.getShape().get(2) * q.getShape().get(3))));
                        return kernel.apply(q, k, v);
                    }));
            assertEquals(seen, unet.config().attentionLayers(h, w, byArea));
        }
    }

    @ParameterizedTest
    @CsvSource({"8, 12", "9, 14", "5, 1"})
    void itsResidualBlocksAreKnownWithoutAPass(int h, int w) throws Exception {
        try (Golden golden = new Golden("modules.safetensors")) {
            UNet unet = new UNet(UNetConfig.read(Golden.config("unet")), golden.weights("unet"));
            List<String> seen = new ArrayList<>();
            unet.forward(golden.manager.randomNormal(new Shape(1, 4, h, w)), 21, golden.manager.randomNormal(new Shape(1, 77, 16)),
                    ForwardContext.plain(1).and(new ForwardHook() {
                        @Override
                        public NDArray attend(Site site, NDArray q, NDArray k, NDArray v, Kernel kernel) {
                            return kernel.apply(q, k, v);
                        }

                        @Override
                        public boolean watches(String block) {
                            return true;
                        }

                        @Override
                        public NDArray feature(String block, NDArray features) {
                            seen.add(block + " " + features.getShape());
                            return features;
                        }
                    }));
            assertEquals(seen, unet.config().residualBlocks(h, w).stream()
                    .map(block -> block.name() + " " + new Shape(1, block.channels(), block.height(), block.width())).toList());
        }
    }

    /** The tiny model's blocks have 8, 16, 16 and 16 channels. */
    @ParameterizedTest
    @CsvSource({"0, 40, 40, 40", "8, 40, 40, 40", "9, 40, 40, 20", "16, 40, 40, 20", "16, 32, 48, 20", "17, 40, 40, 0", "16, 5, 9, 4",
        "16, 1, 1, 1"})
    void mapsAreAsLargeAsTheFirstLayersOfSoManyChannels(int channels, int h, int w, int cells) throws Exception {
        assertEquals(cells, UNetConfig.read(Golden.config("unet")).cells(channels, h, w, true));
    }

    /** The model was trained at 64 cells a side. */
    @ParameterizedTest
    @CsvSource({"0, 40, 40, 64", "9, 40, 40, 32", "16, 57, 32, 32", "16, 5, 9, 32", "17, 40, 40, 0"})
    void layersOfSoManyChannelsAreOneLevelWhateverTheLatentsSize(int channels, int h, int w, int cells) throws Exception {
        assertEquals(cells, UNetConfig.read(Golden.config("unet")).cells(channels, h, w, false));
    }

    private static ForwardContext measuring(boolean byArea) {
        return ForwardContext.of(new Window(2, new KeyFrames(List.of("self"), 2), 0, byArea, false));
    }

    @Test
    void sinusoidIsTheReferences() throws Exception {
        try (Golden golden = new Golden("modules.safetensors")) {
            int[] timesteps = golden.integers("unet.time_proj.timesteps");
            float[] expected = golden.array("unet.time_proj.out").toFloatArray();
            int width = expected.length / timesteps.length;
            for (int i = 0; i < timesteps.length; i++) {
                float[] row = Arrays.copyOfRange(expected, i * width, (i + 1) * width);
                assertArrayEquals(row, UNet.sinusoid(timesteps[i], width, true, 0), 2e-4f);
            }
        }
    }
}
