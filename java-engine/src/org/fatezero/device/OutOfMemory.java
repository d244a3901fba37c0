package org.fatezero.device;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Recognises errors of memory, the device's or the host's: libtorch has no type for them, only messages. */
public final class OutOfMemory {

    /**
     * Words of its allocators for CUDA and the CPU, of CUDA's libraries, of C++, of oneDNN where its kernels
     * find no room, and of the loader of libraries.
     */
    private static final Pattern TOLD = Pattern.compile("out of memory|can't allocate memory|_ALLOC(?:ATION)?_FAILED|std::bad_alloc"
            + "|could not create a primitive$|failed to map segment from shared object|Cannot allocate memory", Pattern.MULTILINE);
    private static final Pattern WANTED = Pattern.compile("[Tt]ried to allocate (?:([\\d.]+ [KMG]iB)|(\\d{1,18}) bytes)");

    private OutOfMemory() {
    }

    public static boolean is(Throwable thrown) {
        return thrown instanceof OutOfMemoryError || thrown.getMessage() != null && TOLD.matcher(thrown.getMessage()).find();
    }

    /**
     * The error to throw in place of {@code cause}.
     *
     * @param what finds no room
     * @param remedy how to make it smaller
     */
    public static OutOfMemoryError error(String what, String remedy, Throwable cause) {
        OutOfMemoryError error = new OutOfMemoryError("no memory left for " + what + wanted(cause) + "; " + remedy);
        error.initCause(cause);
        return error;
    }

    /** How much memory the failed allocation was for, if the message says so. */
    private static String wanted(Throwable cause) {
        Matcher allocation = WANTED.matcher(String.valueOf(cause.getMessage()));
        if (!allocation.find()) {
            return "";
        }
        String amount = allocation.group(1) != null ? allocation.group(1) : (Long.parseLong(allocation.group(2)) >> 20) + " MiB";
        return ": " + amount + " more are needed";
    }
}
