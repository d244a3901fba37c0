package org.fatezero.edit.region;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

import org.fatezero.forward.Site;
import org.fatezero.inversion.TokenAttention;
import org.fatezero.inversion.TokenSet;
import org.fatezero.tensor.Torch;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Three regions of one row of twelve positions, far enough apart that pooling does not join them but where they are meant to meet. */
class RegionsTest {

    private static final int WIDTH = 12;
    private static final StepRange NEVER = new StepRange(0, 0);

    private NDManager manager;
    private Torch torch;
    private final Map<TokenSet, TokenAttention> source = new HashMap<>();

    @BeforeEach
    void open() throws Exception {
        manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
        torch = new Torch(manager);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    private Region region(int token, double threshold, StepRange self, float... attention) {
        TokenSet tokens = TokenSet.of(new int[] {token}, 1);
        TokenAttention sum = new TokenAttention(manager, torch, TokenSet.of(new int[] {0}, 1), 1);
        sum.add(new Site("site", Site.Part.UP, true, 0, WIDTH, 1, WIDTH, 1, WIDTH), manager.create(attention, new Shape(1, 1, WIDTH, 1)));
        source.put(tokens, sum);
        return new Region(new BlendMask(torch, threshold), tokens, TokenSet.of(new int[] {10 + token}, 1), self);
    }

    private Region jeep(StepRange self) {
        return region(1, 0.5, self, 4, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0); // positions 0, 1 and 3, 4, 5
    }

    private Region road(StepRange self) {
        return region(2, 0.25, self, 0, 0, 0, 0, 0, 2, 0, 0, 4, 0, 0, 0); // positions 4, 5, 6 and 7, 8, 9
    }

    private static Region rest(StepRange self) {
        return new Region(null, null, TokenSet.of(new int[] {13}, 1), self);
    }

    private List<NDArray> masks(Region... regions) {
        return new Regions(torch, List.of(regions)).masks(manager, source::get, words -> null, 1, WIDTH);
    }

    private static String text(NDArray mask) {
        StringBuilder text = new StringBuilder();
        for (float value : mask.toFloatArray()) {
            text.append(value == 0 ? '.' : value == 1 ? '1' : '?');
        }
        return text.toString();
    }

    /** Where they meet, the road is at twice its threshold and the jeep at one and a half times its own. */
    @Test
    void aPositionIsWhereItsWordsLookMostForTheirThreshold() {
        List<NDArray> masks = masks(jeep(NEVER), road(NEVER));
        assertEquals("11.1........", text(masks.get(0)));
        assertEquals("....111111..", text(masks.get(1)).substring(0, WIDTH));
    }

    @Test
    void oneAloneHasItsWholeMask() {
        assertEquals("11.111......", text(masks(jeep(NEVER)).get(0)));
        assertArrayEquals(new BlendMask(torch, 0.5).at(manager, source.get(jeep(NEVER).source()), 1, WIDTH).toFloatArray(),
                masks(jeep(NEVER)).get(0).toFloatArray());
    }

    @Test
    void theRestIsWhatTheOthersLeave() {
        List<NDArray> masks = masks(rest(NEVER), jeep(NEVER), road(NEVER));
        assertEquals("..1.......11", text(masks.get(0)));
        assertEquals("11.1........", text(masks.get(1)));
    }

    @Test
    void theirOrderDoesNotMatter() {
        List<NDArray> one = masks(jeep(NEVER), road(NEVER), rest(NEVER));
        List<NDArray> other = masks(rest(NEVER), road(NEVER), jeep(NEVER));
        for (int j = 0; j < 3; j++) {
            assertEquals(text(one.get(j)), text(other.get(2 - j)));
        }
    }

    @Test
    void ofTwoThatAreEqualTheFirstIsThere() {
        List<NDArray> masks = masks(jeep(NEVER), region(3, 0.5, NEVER, 4, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0));
        assertEquals("11.111......", text(masks.get(0)));
        assertEquals("............", text(masks.get(1)));
    }

    @Test
    void withoutThresholdsAPositionIsWhereItsWordsLookMost() {
        List<NDArray> masks = masks(region(1, 0, NEVER, 4, 2, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0),
                region(2, 0, NEVER, 1, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0));
        assertEquals("111.........", text(masks.get(0)));
        assertEquals("...1111.....", text(masks.get(1)));
    }

    /** The road has the source's self-attention in steps 5 to 9, all that no region has in 2 to 9. */
    @Test
    void selfAttentionIsTheEditsOwnInRegionsThatDoNotTakeTheSources() {
        Regions regions = new Regions(torch, List.of(jeep(NEVER), road(new StepRange(5, 10))));
        List<NDArray> masks = regions.masks(manager, source::get, words -> null, 1, WIDTH);
        StepRange outside = new StepRange(2, 10);
        assertEquals("11.1........", text(regions.free(masks, 7, outside)));
        assertEquals("11.1111111..", text(regions.free(masks, 3, outside)));
        assertEquals("111111111111", text(regions.free(masks, 1, outside)));
        assertEquals("1111......11", text(regions.free(masks, 7, NEVER)));
        assertNull(regions.union(masks, region -> false));
    }

    @Test
    void wordsAreConfinedAndTheRowsKeepTheirSums() {
        Regions regions = new Regions(torch, List.of(jeep(NEVER), rest(NEVER)));
        List<NDArray> masks = regions.masks(manager, source::get, words -> null, 1, WIDTH);
        NDArray map = manager.ones(new Shape(1, 2, WIDTH, 20)).div(10); // as if a word were emphasised: rows sum to 2
        NDArray confined = new Confinement(torch, 1).confined(map, regions, masks);
        for (int position = 0; position < WIDTH; position++) {
            boolean inJeep = text(masks.get(0)).charAt(position) == '1';
            NDArray row = confined.get(0, 1, position);
            assertEquals(2, row.sum().getFloat(), 1e-5);
            assertEquals(inJeep ? 2 / 19f : 0, row.getFloat(11), 1e-6);
            assertEquals(inJeep ? 0 : 2 / 19f, row.getFloat(13), 1e-6);
            assertEquals(2 / 19f, row.getFloat(5), 1e-6);
        }
        assertArrayEquals(map.toFloatArray(), new Confinement(torch, 0).confined(map, regions, masks).toFloatArray(), 1e-7f);
    }
}
