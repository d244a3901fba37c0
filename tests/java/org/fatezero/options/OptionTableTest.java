package org.fatezero.options;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One spelling everywhere: the filter's option is the record's component and the row of docs/options.md. */
class OptionTableTest {

    private static final Path FILTER = Path.of("ffmpeg-filter/vf_fatezero.c");
    private static final Path TABLE = Path.of("docs/options.md");
    private static final Pattern ROW = Pattern.compile("STRING\\(\"(\\w+)\",\\s*\\w+,\\s*\"(.*)\"\\)");

    /** The options that go to the engine, with their help, in the filter's order. */
    private static Map<String, String> filterOptions() throws IOException {
        String source = Files.readString(FILTER);
        String table = source.substring(source.indexOf("AVOption fatezero_options[]"));
        Matcher row = ROW.matcher(table.substring(0, table.indexOf("{ NULL }")));
        Map<String, String> options = new LinkedHashMap<>();
        while (row.find()) {
            options.put(row.group(1), row.group(2));
        }
        return options;
    }

    private static List<String> components() {
        return Arrays.stream(Options.class.getRecordComponents()).map(RecordComponent::getName).toList();
    }

    @Test
    void theFiltersOptionsAreTheEngines() throws Exception {
        assertEquals(components(), List.copyOf(filterOptions().keySet()));
    }

    @Test
    void theFiltersHelpNamesTheEnginesDefaults() throws Exception {
        Map<String, String> help = filterOptions();
        Options.defaults().forEach((name, value) -> {
            boolean stated = value.isEmpty() || name.equals("size") ? help.get(name).contains("(default ")
                    : help.get(name).matches(".*\\(default " + Pattern.quote(value) + "\\b.*");
            assertTrue(stated, name + "=" + value + ": " + help.get(name));
        });
    }

    @Test
    void theDocumentationHasARowForEachOption() throws Exception {
        String table = Files.readString(TABLE);
        for (String name : components()) {
            assertTrue(Pattern.compile("^\\|[^|]*`" + name + "`[^|]*\\|", Pattern.MULTILINE).matcher(table).find(), TABLE + " has no row for " + name);
        }
    }
}
