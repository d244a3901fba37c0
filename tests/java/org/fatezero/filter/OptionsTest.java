package org.fatezero.filter;

import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.fatezero.options.Options;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import static org.fatezero.filter.Ffmpeg.STUB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

@Tag("filter")
class OptionsTest {
    private static final Pattern LINE = Pattern.compile("   ?(\\w+) +<(string|int|double)> +\\S+ (.*)");

    /** {@code ffmpeg -h filter=fatezero}: the engine's options in its order, what they mean, and their defaults. */
    @Test
    void helpNamesEveryOptionWithItsDefault() {
        List<Matcher> options = STUB.run("-h filter=fatezero").succeeded().lines().stream()
            .map(LINE::matcher).filter(Matcher::matches).toList();
        List<String> expected = Stream.concat(
            Arrays.stream(Options.class.getRecordComponents()).map(RecordComponent::getName), Stream.of("cut", "on_error")).toList();
        assertEquals(expected, options.stream().map(line -> line.group(1)).toList());
        for (Matcher option : options)
            assertTrue(option.group(3).contains("(default "), option.group());
    }
}
