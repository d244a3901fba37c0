package org.fatezero.options;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** One spelling, type, range and default everywhere: the filter's option is the record's component and the row of docs/options.md. */
class OptionTableTest {

    private static final Path FILTER = Path.of("ffmpeg-filter/fatezero_options.c");
    private static final Path TABLE = Path.of("docs/options.md");
    private static final Pattern STRING =
            Pattern.compile("STRING\\(\"(\\w+)\",\\s*\\w+,\\s*(?:NULL|\"([^\"]*)\"),\\s*((?:\"[^\"]*\"\\s*)+)\\)");
    private static final Pattern NUMBER = Pattern.compile("(INTEGER|NUMBER)\\(\"(\\w+)\",\\s*\\w+,\\s*(\\d+),");
    private static final Pattern FLAG = Pattern.compile("FLAG\\(\"(\\w+)\",\\s*\\w+,\\s*\"([^\"]*)\"\\)");
    private static final Pattern CONSTANT = Pattern.compile("CONSTANT\\(\"(\\w+)\",\\s*\"(\\w+)\",\\s*\\d+,");
    private static final Pattern AUTO = Pattern.compile("AUTO\\(\"(\\w+)\",\\s*\"([^\"]*)\"\\)");

    /**
     * An option as the filter's table has it.
     *
     * @param value that a string has where it is not set, or null
     * @param most that a number may be, or null
     * @param constants the names that an integer's values have
     * @param stated the text that says what it is where it is not set
     */
    private record Row(String kind, String value, Integer most, List<String> constants, String stated) {
        Row with(String constant) {
            List<String> more = new ArrayList<>(constants);
            more.add(constant);
            return new Row(kind, value, most, more, stated);
        }
    }

    /** The options that go to the engine, in the filter's order. */
    private static Map<String, Row> filterOptions() throws IOException {
        String source = Files.readString(FILTER);
        String table = source.substring(source.indexOf("AVOption ff_fatezero_options[]"));
        Map<String, Row> options = new LinkedHashMap<>();
        for (String line : table.substring(0, table.indexOf("{ \"cut\"")).split("\\),\\n")) {
            Matcher row = STRING.matcher(line + ")");
            if (row.find()) {
                String stated = row.group(3).strip().replaceAll("^\"|\"\\s*\"|\"$", "");
                options.put(row.group(1), new Row("STRING", row.group(2), null, List.of(), stated));
            } else if (row.reset().usePattern(NUMBER).find()) {
                options.put(row.group(2), new Row(row.group(1), null, Integer.parseInt(row.group(3)), List.of(), ""));
            } else if (row.reset().usePattern(FLAG).find()) {
                options.put(row.group(1), new Row("FLAG", null, null, List.of(), row.group(2)));
            } else if (row.reset().usePattern(AUTO).find()) {
                String text = row.group(2);
                options.computeIfPresent(row.group(1), (name, of) -> new Row(of.kind, of.value, of.most, of.constants, text));
            } else if (row.reset().usePattern(CONSTANT).find()) {
                String constant = row.group(2);
                options.computeIfPresent(row.group(1), (name, of) -> of.with(constant));
            }
        }
        return options;
    }

    private static List<String> components() {
        return Arrays.stream(Options.class.getRecordComponents()).map(RecordComponent::getName).toList();
    }

    private static String refusal(String name, String value) {
        return assertThrows(IllegalArgumentException.class, () -> Options.of(Map.of(name, value)), name + "=" + value).getMessage();
    }

    @Test
    void theFiltersOptionsAreTheEngines() throws Exception {
        assertEquals(components(), List.copyOf(filterOptions().keySet()));
    }

    /** But for the file that is read once, on opening. */
    @Test
    void theFilterChangesWhatTheEngineCanChange() throws Exception {
        Matcher fixed = Pattern.compile("FIXED_\\w+\\(\"(\\w+)\"").matcher(Files.readString(FILTER));
        Set<String> expected = new TreeSet<>(Options.names(Trait.OF_THE_FILM));
        expected.add("promptfile");
        assertEquals(expected, fixed.results().map(found -> found.group(1)).collect(Collectors.toCollection(TreeSet::new)));
    }

    @Test
    void theFiltersTypesAreTheEngines() throws Exception {
        Map<String, Row> rows = filterOptions();
        for (RecordComponent component : Options.class.getRecordComponents()) {
            Row row = rows.get(component.getName());
            Class<?> type = component.getType();
            String kind = type == double.class ? "NUMBER" : type == boolean.class ? "FLAG"
                    : type == int.class || !row.constants.isEmpty() ? "INTEGER" : "STRING";
            assertEquals(kind, row.kind, component.getName());
        }
    }

    @Test
    void theFiltersRangesAreTheEngines() throws Exception {
        filterOptions().forEach((name, row) -> {
            if (row.most != null && row.constants.isEmpty()) {
                Options.of(Map.of(name, row.most.toString()));
                assertTrue(refusal(name, Integer.toString(row.most + 1)).endsWith(" to " + row.most), name);
            }
        });
    }

    @Test
    void theFiltersChoicesAreTheEngines() throws Exception {
        filterOptions().forEach((name, row) -> {
            if (!row.constants.isEmpty()) {
                assertEquals(row.most, row.constants.size() - 1, name);
                String known = String.join(" or ", row.constants);
                String auto = Options.defaults().get(name).equals("auto") ? "auto or " : "";
                assertEquals(name + "=?: expected " + auto + known, refusal(name, "?"));
            }
        });
    }

    /** As its value in the table, or in words where the engine is left to find it. */
    @Test
    void theFiltersHelpNamesTheEnginesDefaults() throws Exception {
        Map<String, Row> rows = filterOptions();
        Options.defaults().forEach((name, value) -> {
            Row row = rows.get(name);
            String words = OptionResolver.LEFT_TO_PRESET.contains(name) ? ".*the preset's, or " + Pattern.quote(value)
                    : ".*\\(default .*" + Pattern.quote(value) + "\\b.*\\).*";
            boolean stated = row.kind.equals("STRING") && row.value != null && !OptionResolver.LEFT_TO_PRESET.contains(name)
                    ? row.value.equals(value) : value.equals("auto") && row.kind.equals("INTEGER") || row.stated.matches(words);
            assertTrue(stated, name + "=" + value + ": " + row);
        });
    }

    @Test
    void theDocumentationHasARowForEachOptionWithItsDefault() throws Exception {
        String table = Files.readString(TABLE);
        for (String name : components()) {
            Matcher row = Pattern.compile("^\\|[^|]*`" + name + "`[^|]*\\|([^|]*)\\|", Pattern.MULTILINE).matcher(table);
            assertTrue(row.find(), TABLE + " has no row for " + name);
            String value = Options.defaults().get(name);
            String stated = row.group(1).replace("`", "").strip();
            assertTrue(value.isEmpty() || stated.matches(Pattern.quote(value) + "\\b.*"),
                    TABLE + ": " + name + " is " + value + ", not " + stated);
        }
    }
}
