package org.fatezero.engine;

import ai.djl.ndarray.types.DataType;

import org.fatezero.forward.Pass;
import org.fatezero.inversion.Capture;
import org.fatezero.inversion.Needs;
import org.fatezero.io.Log;
import org.fatezero.unet.UNet;

import java.util.List;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * Whether inversion keeps what edits need of the source's attention, or they run the source again. Keeping is quicker; with
 * {@code store=auto} it may take half of the memory that is free, for the other half is for what layers work on.
 */
final class Store {

    private static final int RESERVED = 2; // free memory is divided by it

    private final String option;
    private final LongSupplier free;
    private final Log log;
    private long bytes = -1; // of the last choice, which holds for all windows that need no more
    private boolean keeps;

    /**
     * @param option {@code auto}, {@code keep} or {@code recompute}
     * @param free tells the bytes of memory that are free
     * @param log is told each choice
     */
    Store(String option, LongSupplier free, Log log) {
        this.option = option;
        this.free = free;
        this.log = log;
    }

    /**
     * @param steps that are inverted
     * @param tokens of a text
     * @param needs of each edit
     */
    boolean keeps(UNet.Config unet, int latentHeight, int latentWidth, Pass pass, int tokens, int steps, List<Needs> needs, DataType precision) {
        long wanted = Capture.bytes(unet, latentHeight, latentWidth, pass, tokens, steps, needs, precision);
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
