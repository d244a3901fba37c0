package org.fatezero.options;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The presets that come with the engine, for a user to choose from. */
public final class Presets {

    /**
     * @param about when to use it
     * @param takes the options that it needs beside it
     */
    public record Shipped(String name, String about, List<String> takes) {
    }

    private Presets() {
    }

    /** All of them, by name. */
    public static List<Shipped> shipped() throws IOException {
        List<Shipped> shipped = new ArrayList<>();
        for (String name : Preset.names()) {
            String text = Preset.shipped(name);
            String values = String.join(" ", new TreeMap<>(Preset.parse(text, name)).values());
            String about = text.lines().findFirst().orElse("").replaceFirst("^#\\s*", "");
            shipped.add(new Shipped(name, about, Stream.of("from", "to").filter(option -> OptionResolver.needs(values, option)).toList()));
        }
        return shipped;
    }
}
