package org.fatezero.options;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What becomes of edits of a clip that shows nothing which the built-in model knows, as most real footage: guidance would lead to what it
 * does know, so they are held to the source. docs/captions.md has what that brings.
 */
public final class Unrecognised {

    private static final double GUIDANCE = 2;
    private static final double SELF_REPLACE = 1;

    private Unrecognised() {
    }

    /**
     * Whether it matters to an edit. Others than the built-in model know more, and one that is confined to a thing needs that thing.
     *
     * @param set what the user set, which stays
     */
    public static boolean concerns(Options options, Map<String, String> set) {
        return options.model().equals(Options.defaults().get("model")) && !options.parity() && options.blend().isBlank()
                && !(isSet(set, "guidance") && isSet(set, "self_replace"));
    }

    /** An edit of such a clip, with the same {@code set}. */
    public static Options held(Options options, Map<String, String> set) {
        if (!concerns(options, set)) {
            return options;
        }
        Map<String, String> held = new LinkedHashMap<>();
        options.byName().forEach((name, value) -> held.put(name, value.toString()));
        if (!isSet(set, "guidance")) {
            held.put("guidance", Double.toString(GUIDANCE));
        }
        if (!isSet(set, "self_replace")) {
            held.put("self_replace", Double.toString(SELF_REPLACE * Strength.kept(options.strength())));
        }
        return Options.of(held);
    }

    private static boolean isSet(Map<String, String> set, String name) {
        return !set.getOrDefault(name, Options.AUTO).equals(Options.AUTO);
    }
}
