package org.fatezero.options;

import java.util.Map;
import java.util.Set;

/** The option {@code speed}: {@code fast} is other values of the options that time depends on, as docs/evaluation.md has it. */
final class Speed {

    private static final Map<String, String> FAST = Map.of("steps", "13", "solver", "implicit");

    private Speed() {
    }

    /**
     * Sets the options that {@code speed=fast} sets, but those in {@code fixed}.
     *
     * @param options with {@code speed}
     */
    static void apply(Map<String, String> options, Set<String> fixed) {
        if (options.get("speed").equals("fast")) {
            FAST.forEach((name, value) -> {
                if (!fixed.contains(name)) {
                    options.put(name, value);
                }
            });
        }
    }
}
