package org.fatezero.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.types.DataType;

import org.fatezero.Golden;
import org.fatezero.Tiny;
import org.fatezero.TinyOptions;
import org.fatezero.diffusion.Progress;
import org.fatezero.edit.fatezero.FusedSteps;
import org.fatezero.forward.ForwardContext;
import org.fatezero.inversion.AttentionStore;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.io.ModelConfig;
import org.fatezero.unet.UNetConfig;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

class CapturePolicyTest {

    private static final int STEPS = 4;
    private static final List<CaptureSpec> SPECS = List.of(new CaptureSpec(new FusedSteps(0, STEPS, 0, 64), true, List.of()));

    private static UNetConfig unet;

    private final AtomicLong free = new AtomicLong();
    private final List<String> told = new ArrayList<>();
    private final List<CapturePolicy> opened = new ArrayList<>();

    @BeforeAll
    static void read() throws Exception {
        unet = UNetConfig.read(new ModelConfig(Golden.TINY.resolve("unet/config.json")));
    }

    private static ForwardContext context(int frames) {
        return Tiny.context(frames, "mid");
    }

    private static long bytes(int frames) {
        return AttentionStore.bytes(unet, 8, 12, context(frames).window(), 77, STEPS, SPECS, DataType.FLOAT32);
    }

    private CapturePolicy store(String option) {
        return store(option, this);
    }

    private CapturePolicy store(String option, Object film) {
        CapturePolicy store = new CapturePolicy(option, Device.cpu(), film, free::get, new TinyOptions.Silent() {
            @Override
            public void log(int level, String message) {
                told.add(level + " " + message);
            }
        });
        opened.add(store);
        return store;
    }

    @AfterEach
    void close() {
        opened.forEach(CapturePolicy::close);
    }

    private static boolean keeps(CapturePolicy store, int frames) {
        return store.keeps(unet, 8, 12, context(frames).window(), 77, STEPS, SPECS, DataType.FLOAT32);
    }

    @ParameterizedTest
    @CsvSource({"keep, 0, true", "recompute, 1, false", "auto, 1, true", "auto, 0, false"})
    void autoKeepsWhatHalfOfTheFreeMemoryHolds(String option, int more, boolean keeps) {
        free.set(2 * (bytes(2) - 1 + more));
        assertEquals(keeps, keeps(store(option), 2));
    }

    @Test
    void theChoiceAndItsBytesAreLoggedOnce() {
        free.set(30_000_000);
        CapturePolicy store = store("auto");
        keeps(store, 2);
        keeps(store, 2);
        assertEquals(List.of(Host.VERBOSE + " the source's attention is kept, " + Math.round(bytes(2) / 1e5) / 10.
                + " MB: store=auto, which takes no more than half of the 30.0 MB that are free"), told);
    }

    @Test
    void aChoiceHoldsForWhateverItsReasonHoldsFor() {
        free.set(2 * bytes(3));
        CapturePolicy store = store("auto");
        assertTrue(keeps(store, 3));
        free.set(0);
        assertTrue(keeps(store, 2), "less has room where more had");
        assertFalse(keeps(store, 4), "more is looked at again");
        free.set(Long.MAX_VALUE);
        assertFalse(keeps(store, 5), "more has no room where less had none");
        assertTrue(keeps(store, 3));
    }

    /** Two filters plan before either has taken anything. */
    @Test
    void whatAnotherFilmKeepsIsNotPlannedForTwice() {
        free.set(3 * bytes(2) - 1);
        CapturePolicy first = store("auto", "one");
        assertTrue(keeps(first, 2));
        assertFalse(keeps(store("auto", "another"), 2));
        assertTrue(told.get(1).endsWith(" of other edits"), told.get(1));
        CapturePolicy changed = store("auto", "one");
        assertTrue(keeps(changed, 2), "the same film by other options");
        first.close();
        changed.close();
        assertTrue(keeps(store("auto", "a third"), 2), "those that are closed keep nothing");
    }

    /** What another's inversion has taken is no longer free, so it is not left out once more. */
    @Test
    void whatIsTakenIsNotLeftOutTwice() {
        free.set(4 * bytes(2));
        CapturePolicy first = store("auto", "one");
        assertTrue(keeps(first, 2));
        try (CapturePolicy.Taken taken = first.window()) {
            first.taking(Progress.NONE).at(STEPS, STEPS);
            free.set(2 * bytes(2));
            assertTrue(keeps(store("auto", "another"), 2));
        }
        assertFalse(keeps(store("auto", "a third"), 2), "between its windows the first has nothing, and will take it");
    }
}
