package org.fatezero.engine;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** A host on the C side of JNI. Strings cross as UTF-8 bytes; the bridge registers the native methods. */
public final class NativeHost implements Host {

    private final long pointer;

    /** @param pointer the bridge's own, which the native methods get back */
    NativeHost(long pointer) {
        this.pointer = pointer;
    }

    /** What such a host sets: UTF-8 key, value, key, value ..., by name. */
    static Map<String, String> options(byte[][] set) {
        Map<String, String> options = new LinkedHashMap<>();
        for (int i = 0; i + 1 < set.length; i += 2) {
            options.put(new String(set[i], StandardCharsets.UTF_8), new String(set[i + 1], StandardCharsets.UTF_8));
        }
        return options;
    }

    @Override
    public void log(int level, String message) {
        log(pointer, level, message.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public boolean step(String phase, int step, int steps) {
        return step(pointer, phase.getBytes(StandardCharsets.UTF_8), step, steps);
    }

    private static native void log(long pointer, int level, byte[] message);

    private static native boolean step(long pointer, byte[] phase, int step, int steps);
}
