package org.fatezero.engine;

import java.nio.charset.StandardCharsets;

/** As the engine's own. */
public final class NativeHost implements Host {
    private final long pointer;

    NativeHost(long pointer) {
        this.pointer = pointer;
    }

    @Override
    public void log(int level, String message) {
        log(pointer, level, message.getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public boolean step(String phase, int step, int steps) {
        return step(pointer, phase.getBytes(StandardCharsets.UTF_8), step, steps);
    }

    static native void log(long pointer, int level, byte[] utf8);

    static native boolean step(long pointer, byte[] utf8phase, int step, int steps);
}
