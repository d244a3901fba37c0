package org.fatezero.filter;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import static org.fatezero.filter.Ffmpeg.STUB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

@Tag("filter")
class OptionsTest {
    private static final Pattern LINE = Pattern.compile("   ?(\\w+) +<(string|int)> +\\S+ (.*)");

    /** {@code ffmpeg -h filter=fatezero}: every option, what it means, and its default. */
    @Test
    void helpNamesEveryOptionWithItsDefault() {
        List<Matcher> options = STUB.run("-h filter=fatezero").succeeded().lines().stream()
            .map(LINE::matcher).filter(Matcher::matches).toList();
        assertEquals(List.of("preset", "prompt", "source", "promptfile", "negative", "model", "device", "precision",
            "window", "steps", "guidance", "self_replace", "cross_replace", "control", "emphasize", "blend", "threshold",
            "blend_latents", "keys", "fuse_at", "norm", "size", "store", "show", "on_error"),
            options.stream().map(line -> line.group(1)).toList());
        for (Matcher option : options)
            assertTrue(option.group(3).contains("(default "), option.group());
    }
}
