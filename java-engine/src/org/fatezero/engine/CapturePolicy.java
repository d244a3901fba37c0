package org.fatezero.engine;

import ai.djl.Device;
import ai.djl.ndarray.types.DataType;

import org.fatezero.diffusion.Progress;
import org.fatezero.forward.Window;
import org.fatezero.inversion.AttentionStore;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.io.Log;
import org.fatezero.unet.UNetConfig;

import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * Whether inversion keeps what edits need of the source's attention, or they run the source again. Keeping is quicker. With
 * {@code store=auto} it may take half of the free memory; the layers need the other half.
 */
final class CapturePolicy implements AutoCloseable {

    private static final int PARTS_OF_FREE_MEMORY = 2; // of which what is kept may take one

    /**
     * The bytes that each open policy has chosen to keep. Two filters of one process would otherwise both plan for the same free
     * memory.
     */
    private static final Map<CapturePolicy, Long> KEPT = new IdentityHashMap<>();

    private final String option;
    private final Device device;
    private final Object film;
    private final LongSupplier free;
    private final Log log;
    private long bytes = -1; // that the last choice was made for; it is made again for a window that needs more
    private boolean keeps;
    private boolean exhausted;
    private double held; // share of what is kept that this window's inversion has taken already; of KEPT

    /**
     * @param option {@code auto}, {@code keep} or {@code recompute}
     * @param device whose memory it is
     * @param film of policies of the same, one alone is in use
     * @param free tells the bytes of memory that are free
     * @param log is told each choice
     */
    CapturePolicy(String option, Device device, Object film, LongSupplier free, Log log) {
        this.option = option;
        this.device = device;
        this.film = film;
        this.free = free;
        this.log = log;
    }

    /** Memory has run out: from now on nothing is kept, and the branches of an edit run one by one. */
    void exhausted() {
        exhausted = true;
        close();
    }

    boolean isExhausted() {
        return exhausted;
    }

    /**
     * @param steps that are inverted
     * @param tokens of a text
     * @param specs what each edit captures
     */
    boolean keeps(UNetConfig unet, int latentHeight, int latentWidth, Window window, int tokens, int steps, List<CaptureSpec> specs,
            DataType precision) {
        if (exhausted) {
            return false;
        }
        long wanted = AttentionStore.bytes(unet, latentHeight, latentWidth, window, tokens, steps, specs, precision);
        if (bytes >= 0 && (keeps ? wanted <= bytes : wanted >= bytes)) {
            return keeps;
        }
        bytes = wanted;
        String reason = "store=" + option;
        synchronized (KEPT) {
            if (option.equals("auto")) {
                long others = KEPT.entrySet().stream().filter(entry -> entry.getKey().competes(this))
                        .mapToLong(entry -> Math.round((1 - entry.getKey().held) * entry.getValue())).sum();
                long available = Math.max(0, free.getAsLong() - others);
                keeps = wanted <= available / PARTS_OF_FREE_MEMORY;
                reason += ", which takes no more than half of the " + megabytes(available) + " that are free"
                        + (others == 0 ? "" : ", beside the " + megabytes(others) + " of other edits");
            } else {
                keeps = option.equals("keep");
            }
            KEPT.put(this, keeps ? wanted : 0);
        }
        log.log(Log.VERBOSE, "the source's attention is " + (keeps ? "kept, " : "recomputed, not kept, ") + megabytes(wanted)
                + ": " + reason);
        return keeps;
    }

    /** As an inversion goes on, what it keeps is no longer free, and others need not leave it out. */
    Progress taking(Progress progress) {
        return (step, steps) -> {
            hold((double) step / steps);
            progress.at(step, steps);
        };
    }

    /** Begins a window: when it is closed, what was kept is free again. */
    Taken window() {
        return () -> hold(0);
    }

    /** What a window has taken. */
    interface Taken extends AutoCloseable {
        @Override
        void close();
    }

    private void hold(double share) {
        synchronized (KEPT) {
            held = share;
        }
    }

    private boolean competes(CapturePolicy other) {
        return film != other.film && device.equals(other.device);
    }

    /** Others may plan for what this one kept. */
    @Override
    public void close() {
        synchronized (KEPT) {
            KEPT.remove(this);
        }
    }

    private static String megabytes(long bytes) {
        return String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
    }
}
