package org.fatezero.engine;

import ai.djl.ndarray.types.DataType;

import org.fatezero.forward.Window;
import org.fatezero.inversion.AttentionStore;
import org.fatezero.inversion.CaptureSpec;
import org.fatezero.io.Log;
import org.fatezero.unet.UNetConfig;

import java.util.List;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * Whether inversion keeps what edits need of the source's attention, or they run the source again. Keeping is quicker. With
 * {@code store=auto} it may take half of the free memory; the layers need the other half.
 */
final class CapturePolicy {

    private static final int RESERVED = 2; // free memory is divided by it

    private final String option;
    private final LongSupplier free;
    private final Log log;
    private long bytes = -1; // that the last choice was made for; it is made again for a window that needs more
    private boolean keeps;
    private boolean exhausted;

    /**
     * @param option {@code auto}, {@code keep} or {@code recompute}
     * @param free tells the bytes of memory that are free
     * @param log is told each choice
     */
    CapturePolicy(String option, LongSupplier free, Log log) {
        this.option = option;
        this.free = free;
        this.log = log;
    }

    /** Memory has run out: from now on nothing is kept, and the branches of an edit run one by one. */
    void exhausted() {
        exhausted = true;
    }

    boolean isExhausted() {
        return exhausted;
    }

    /**
     * @param steps that are inverted
     * @param tokens of a text
     * @param specs what each edit captures
     */
    boolean keeps(UNetConfig unet, int latentHeight, int latentWidth, Window window, int tokens, int steps, List<CaptureSpec> specs, DataType precision) {
        if (exhausted) {
            return false;
        }
        long wanted = AttentionStore.bytes(unet, latentHeight, latentWidth, window, tokens, steps, specs, precision);
        if (bytes >= 0 && (keeps ? wanted <= bytes : wanted >= bytes)) {
            return keeps;
        }
        bytes = wanted;
        String reason = "store=" + option;
        if (option.equals("auto")) {
            long available = free.getAsLong();
            keeps = wanted <= available / RESERVED;
            reason += ", which takes no more than half of the " + megabytes(available) + " that are free";
        } else {
            keeps = option.equals("keep");
        }
        log.log(Log.VERBOSE, "the source's attention is " + (keeps ? "kept, " : "recomputed, not kept, ") + megabytes(wanted) + ": " + reason);
        return keeps;
    }

    private static String megabytes(long bytes) {
        return String.format(Locale.ROOT, "%.1f MB", bytes / 1e6);
    }
}
