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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.fatezero.filter.Ffmpeg.REAL;
import static org.fatezero.filter.Ffmpeg.STUB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

@Tag("filter")
class OptionsTest {
    private static final Pattern LINE = Pattern.compile("   ?(\\w+) +<(string|int|double|boolean)> +\\S+ (.*)");

    /** {@code ffmpeg -h filter=fatezero}: the engine's options in its order, what they mean, and their defaults. */
    @Test
    void helpNamesEveryOptionWithItsDefault() {
        List<Matcher> options = STUB.run("-h filter=fatezero").succeeded().lines().stream()
            .map(LINE::matcher).filter(Matcher::matches).toList();
        List<String> expected = Stream.concat(
            Arrays.stream(Options.class.getRecordComponents()).map(RecordComponent::getName), Stream.of("cut", "mix", "on_error")).toList();
        assertEquals(expected, options.stream().map(line -> line.group(1)).toList());
        for (Matcher option : options)
            assertTrue(option.group(3).contains("(default "), option.group());
    }

    /** Numbers, named values and flags arrive as they were given, and what is at its default is left to the engine. */
    @Test
    void valuesReachTheEngine() {
        String set = "source=auto:to=auto:precision=bf16:window=3:speed=fast:steps=2:solver=implicit:guidance=2.25:guidance_interval=0-0.5:"
            + "strength=0.3:start=0:self_replace=0.2-0.8:control=replace:blend=:threshold=0.1:blend_attention=0:anchor=0:fuse_at=16:"
            + "attention=reconstruction:norm=window:parity=yes:size=0:store=keep";
        assertEquals("{source=auto, to=auto, precision=bf16, window=3, speed=fast, steps=2, solver=implicit, guidance=2250000000E-9, "
            + "guidance_interval=0-0.5, strength=300000000E-9, "
            + "start=0E-9, self_replace=0.2-0.8, control=replace, blend=, threshold=0.1, blend_attention=0, anchor=0, fuse_at=16, "
            + "attention=reconstruction, norm=window, parity=1, size=0, store=keep}", received(set));
        assertEquals("{steps=1}", received("steps=1:edit=auto:captioner=auto:model=pocket:device=auto:precision=auto:window=auto:"
            + "solver=auto:guidance=auto:strength=-1:self_replace=auto:blend_latents=auto:keys=auto:keys_at=auto:parity=auto:"
            + "blend_attention=auto:store=auto:show=edit"));
    }

    private static String received(String set) {
        String log = STUB.run("-v verbose -f lavfi -i testsrc2=s=16x16:d=0.04 -vf", "fatezero=" + set, "-f", "null", "-").succeeded().log();
        return log.lines().filter(line -> line.contains("] options {")).map(line -> line.substring(line.indexOf('{')))
            .findFirst().orElseThrow();
    }

    /** By FFmpeg itself, without starting anything. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "window=129       | Value 129.000000 for parameter 'window' out of range [-1 - 128]",
        "steps=many       | Unable to parse option value \"many\"",
        "solver=euler     | Unable to parse option value \"euler\"",
        "precision=fp8    | Unable to parse option value \"fp8\"",
        "guidance=high    | Unable to parse option value \"high\"",
        "strength=2.5     | Value 2.500000 for parameter 'strength' out of range [-1 - 1]",
        "parity=2         | Unable to parse option value \"2\" as boolean",
    })
    void wrongValuesAreRefused(String option, String told) {
        Ffmpeg.Result result = REAL.run("-f lavfi -i testsrc2=s=16x16:d=0.04 -vf", "fatezero=" + option, "-f", "null", "-");
        assertNotEquals(0, result.status());
        // newer versions name the option here, older ones elsewhere
        String log = result.log().replaceAll("Unable to parse \"\\w+\" option", "Unable to parse option");
        assertTrue(log.contains(told), result::tail);
    }
}
