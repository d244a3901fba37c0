package org.fatezero.bench;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/** Counts the calls through JNI to libtorch, where {@link CountingLoader} loads DJL. */
public final class Calls {

    /** Those that copy between Java's memory and libtorch's, which may be a card's. */
    private static final Set<String> COPIES =
            Set.of("torchFromBlob", "torchSet", "torchDataPtr", "torchDirectByteBuffer", "torchTo", "tensorClone");

    private static final Map<String, Long> COUNTS = new ConcurrentHashMap<>();

    private Calls() {
    }

    /** Called before each call. */
    public static void add(String method) {
        COUNTS.merge(method, 1L, Long::sum);
    }

    /** All calls since the last time, and those of them that copy. */
    static long[] take() {
        Map<String, Long> taken = new TreeMap<>(COUNTS);
        COUNTS.clear();
        if (Boolean.getBoolean("calls")) {
            System.err.println(taken);
        }
        return new long[] {taken.values().stream().mapToLong(Long::longValue).sum(),
                taken.entrySet().stream().filter(entry -> COPIES.contains(entry.getKey())).mapToLong(Map.Entry::getValue).sum()};
    }
}
