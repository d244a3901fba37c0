package org.fatezero.inversion;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;

import org.fatezero.Golden;
import org.fatezero.Tiny;
import org.fatezero.edit.fatezero.FusedSteps;
import org.fatezero.edit.infusion.FeatureInjection;
import org.fatezero.forward.ForwardContext;
import org.fatezero.forward.KeyFrames;
import org.fatezero.forward.Site;
import org.fatezero.forward.Window;
import org.fatezero.io.ModelConfig;
import org.fatezero.unet.UNetConfig;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;

/** Which layers are fused, see key frames and make the mask, at the default fuse_at=32 and keys_at=32, for clips of many shapes. */
class SitesTest {

    private static final int AT = 32;
    private static final int FRAMES = 3;
    private static final FusedSteps FUSED = new FusedSteps(0, 1, 0, AT);
    private static final TokenSet TOKENS = TokenSet.of(new int[] {1}, TokenSet.MASK_CELLS);

    /** Stable Diffusion 1.x, trained at 512x512. */
    private static final UNetConfig STABLE_DIFFUSION = new UNetConfig(4, 4, new int[] {320, 640, 1280, 1280}, 2,
            new boolean[] {true, true, true, false}, new boolean[] {false, true, true, true}, 768, 8, 32, 1e-5, 64, true, 0);

    private static ForwardContext context(boolean byArea) {
        return ForwardContext.of(new Window(FRAMES, new KeyFrames(List.of("mid"), FRAMES), AT, byArea, false));
    }

    private static List<String> names(UNetConfig unet, int width, int height, boolean byArea, Predicate<Site> chosen) {
        return unet.attentionLayers(height / 8, width / 8, byArea).stream().map(UNetConfig.AttentionLayer::site).filter(chosen)
                .map(Site::name).toList();
    }

    private static boolean isFused(Site site) {
        return !FUSED.of(site, 0).isEmpty();
    }

    private static boolean masks(Site site) {
        return new TokenAttention(null, null, TOKENS, FRAMES).reads(site);
    }

    /** 16:9, 4:3, upright, larger, film, smaller. */
    @ParameterizedTest
    @CsvSource({"912, 512", "688, 512", "512, 912", "768, 768", "1368, 768", "1224, 512", "384, 384"})
    void aClipOfAnyShapeHasTheLayersOfASquareOne(int width, int height) {
        ForwardContext context = context(false);
        List<Predicate<Site>> choices = List.of(SitesTest::isFused, site -> !site.cross() && context.window().keyFrames(site) == 1,
                width == 384 ? site -> true : SitesTest::masks);
        List<Integer> layers = List.of(22, 11, width == 384 ? 32 : 5);
        for (int i = 0; i < choices.size(); i++) {
            List<String> square = names(STABLE_DIFFUSION, 512, 512, false, choices.get(i));
            assertEquals(layers.get(i), square.size());
            assertEquals(square, names(STABLE_DIFFUSION, width, height, false, choices.get(i)));
        }
    }

    /** Of an area of more than 32x32 cells they leave out the five layers of either kind whose maps are half the latent's size. */
    @ParameterizedTest
    @CsvSource({"512, 512, 22, 11", "912, 512, 12, 6", "688, 512, 12, 6", "512, 912, 12, 6", "768, 768, 12, 6", "256, 256, 32, 16"})
    void theAuthorsCodeMeasuresByArea(int width, int height, int fused, int keyed) {
        assertEquals(fused, names(STABLE_DIFFUSION, width, height, true, SitesTest::isFused).size());
        assertEquals(keyed, names(STABLE_DIFFUSION, width, height, true,
                site -> !site.cross() && context(true).window().keyFrames(site) == 1).size());
    }

    /** In half precision, a frame and step of 512x512: 1280 channels of 16x16, and 640 of 32x32. */
    @ParameterizedTest
    @CsvSource({"up_blocks.1.resnets.1, 655360", "up_blocks.1.resnets.0 up_blocks.1.resnets.1 up_blocks.2.resnets.0, 2621440"})
    void featuresAreCountedAtTheirSize(String blocks, long bytes) {
        FeatureInjection features = new FeatureInjection(null, Set.of(blocks.split(" ")), 1, 40, 50, 32);
        assertEquals(10 * FRAMES * bytes, AttentionStore.bytes(STABLE_DIFFUSION, 64, 64, context(false).window(), 77, 50,
                List.of(new CaptureSpec(features, true, List.of())), DataType.FLOAT16));
    }

    /** They store no map of more than 32x32 cells, and count what they store: see METHOD.md. */
    @ParameterizedTest
    @CsvSource({"512, 5", "520, 3", "576, 3", "1024, 3"})
    void theAuthorsMaskLacksTheWayDownOfLargeFrames(int size, int layers) {
        TokenAttention mask = new TokenAttention(null, null, TokenSet.of(new int[] {1}, TokenSet.AS_PUBLISHED), FRAMES);
        assertEquals(layers, names(STABLE_DIFFUSION, size, size, true, mask::reads).size());
        assertEquals(5, names(STABLE_DIFFUSION, size, size, true, SitesTest::masks).size());
    }

    /** Pocket was trained at 128x128, where no map has more than 32 cells a side; its pixels are a quarter as many a cell. */
    @ParameterizedTest
    @CsvSource({"128, 128", "228, 128", "304, 128", "128, 228", "192, 192"})
    void pocketHasAllLayersWhateverTheShape(int width, int height) throws Exception {
        UNetConfig pocket = UNetConfig.read(new ModelConfig(Path.of("java-engine/pocket/unet/config.json")));
        assertEquals(14, names(pocket, 2 * width, 2 * height, false, isAny()).size());
        assertEquals(14, names(pocket, 2 * width, 2 * height, false, SitesTest::isFused).size());
        List<String> masks = names(pocket, 2 * width, 2 * height, false, SitesTest::masks);
        assertEquals(List.of("down_blocks.1.attentions.0.attn2", "up_blocks.1.attentions.0.attn2", "up_blocks.1.attentions.1.attn2"),
                masks);
    }

    private static Predicate<Site> isAny() {
        return site -> true;
    }

    /** The tiny model was trained at 64 cells a side, as Stable Diffusion was. */
    @ParameterizedTest
    @CsvSource({"33, 57", "57, 33", "43, 64", "9, 14"})
    void aPassFusesThemAndShowsThemTheKeyFrames(int h, int w) throws Exception {
        try (Tiny tiny = new Tiny(DataType.FLOAT32); NDManager window = tiny.manager.newSubManager()) {
            NDArray z0 = tiny.normal(window, FRAMES, 4, h, w);
            Trajectory trajectory = new DdimInversion(tiny.unet, Tiny.schedule(1), tiny.torch)
                    .run(z0, tiny.text("a silver jeep"), context(false), List.of(new CaptureSpec(FUSED, true, List.of(TOKENS))),
                            (step, steps) -> { });
            AttentionStore store = trajectory.attention().get(0);
            Map<String, Long> keys = new TreeMap<>();
            Map<String, Long> expected = new TreeMap<>();
            for (UNetConfig.AttentionLayer layer : tiny.unet.config().attentionLayers(h, w, false)) {
                Site site = layer.site();
                boolean square = names(STABLE_DIFFUSION, 512, 512, false, SitesTest::isFused).contains(site.name());
                assertEquals(square, store.get(site.name(), site.cross() ? Kept.MAP : Kept.QUERIES) != null, site.name());
                if (square && !site.cross()) {
                    expected.put(site.name(), (long) site.positions());
                    keys.put(site.name(), store.get(site.name(), Kept.KEYS).getShape().get(1));
                }
            }
            assertEquals(11, keys.size());
            assertEquals(expected, keys, "positions of the one key frame");
        }
    }

    @Test
    void theTinyModelsLayersAreNamedAsStableDiffusions() throws Exception {
        UNetConfig tiny = UNetConfig.read(Golden.config("unet"));
        assertEquals(names(STABLE_DIFFUSION, 512, 512, false, isAny()), names(tiny, 512, 512, false, isAny()));
    }
}
