package org.fatezero.options.authors;

import org.fatezero.io.TextFile;
import org.fatezero.io.UserTexts;

import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Parse;
import org.snakeyaml.engine.v2.events.CollectionEndEvent;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.schema.CoreSchema;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A YAML file that someone else wrote: plain values alone, no tags, so nothing in it makes an object. Interpolations in the
 * manner of OmegaConf, {@code ${a.b}} from the top of the file and {@code ${..a.b}} from the container around it (one dot is
 * the container itself, each further one the container around that), are resolved where a value is read.
 */
final class Yaml {

    private static final int SIZE_LIMIT = 1 << 16;
    private static final int DEPTH_LIMIT = 16;
    private static final int ALIAS_LIMIT = 16;
    private static final int INTERPOLATION_LIMIT = 100; // for one value, those within others included
    private static final Pattern INTERPOLATION = Pattern.compile("\\$\\{([^${}]*)}");

    private final String name;
    private final Object top;

    private Yaml(String name, Object top) {
        this.name = name;
        this.top = top;
    }

    /**
     * @throws IOException if the file is missing, too large or no text
     * @throws IllegalArgumentException if it is no YAML, or more than plain values, naming the line
     */
    static Yaml read(Path file, UserTexts texts) throws IOException {
        String text = texts.read(file, "expected a configuration file");
        LoadSettings settings = LoadSettings.builder().setLabel(file.toString()).setSchema(new CoreSchema())
                .setMaxAliasesForCollections(ALIAS_LIMIT).setAllowDuplicateKeys(false).setCodePointLimit(SIZE_LIMIT).build();
        try {
            new Parse(settings).parseString(text).forEach(new Plain(file)::check);
            return new Yaml(file.toString(), new Load(settings).loadFromString(text));
        } catch (MarkedYamlEngineException e) {
            throw new IllegalArgumentException(file + e.getProblemMark().map(mark -> ", line " + (mark.getLine() + 1)).orElse("")
                    + ": " + e.getProblem());
        } catch (YamlEngineException e) {
            throw new IllegalArgumentException(file + ": " + TextFile.reason(e));
        }
    }

    /** Looks at a file's events before anything is made of them. */
    private static final class Plain {

        private final Path file;
        private int depth;

        Plain(Path file) {
            this.file = file;
        }

        void check(Event event) {
            if (event instanceof CollectionStartEvent start) {
                refuse(++depth > DEPTH_LIMIT, event, "nested deeper than " + DEPTH_LIMIT + " levels");
                start.getTag().ifPresent(tag -> refuse(true, event, "the tag " + tag + "; expected plain values"));
            } else if (event instanceof CollectionEndEvent) {
                depth--;
            } else if (event instanceof ScalarEvent scalar) {
                scalar.getTag().ifPresent(tag -> refuse(true, event, "the tag " + tag + "; expected plain values"));
                refuse(scalar.isPlain() && scalar.getValue().equals("<<"), event,
                        "a merge, <<, which is not read; expected the fields themselves");
            }
        }

        private void refuse(boolean wrong, Event event, String what) {
            if (wrong) {
                throw new IllegalArgumentException(file + event.getStartMark().map(mark -> ", line " + (mark.getLine() + 1)).orElse("")
                        + ": " + what);
            }
        }
    }

    /** The top of the file. */
    Field top() {
        return new Field(List.of(), top);
    }

    /** The file's name, as it was given. */
    String name() {
        return name;
    }

    /** The value at a place in the file; null where there is none. */
    final class Field {

        private final List<String> path;
        private final Object value;

        private Field(List<String> path, Object value) {
            this.path = path;
            this.value = value;
        }

        boolean isSet() {
            return value != null && !value.equals("None") && !value.equals("???"); // what is missing to Python, and to OmegaConf
        }

        /** The field of this name, or of this place in a list. */
        Field at(Object key) {
            List<String> place = new ArrayList<>(path);
            place.add(key.toString());
            return new Field(place, resolve(raw(value, key.toString()), place, new int[1]));
        }

        /** The names of the fields within. */
        List<String> keys() {
            if (!isSet()) {
                return List.of();
            }
            if (!(value instanceof Map<?, ?> map)) {
                throw wrong("names with values");
            }
            return map.keySet().stream().map(String::valueOf).toList();
        }

        /** The elements of a list; a single value is a list of one. */
        List<Field> list() {
            List<Field> elements = new ArrayList<>();
            if (value instanceof List<?> list) {
                for (int i = 0; i < list.size(); i++) {
                    elements.add(at(i));
                }
            } else if (isSet()) {
                elements.add(this);
            }
            return elements;
        }

        boolean isList() {
            return value instanceof List;
        }

        boolean isMap() {
            return value instanceof Map;
        }

        boolean isNumber() {
            return value instanceof Number;
        }

        String text(String expected) {
            if (value == null || value instanceof Map || value instanceof List) {
                throw wrong(expected);
            }
            return value.toString();
        }

        /** The flag of this name; left blank it is false, as to Python. */
        boolean flag(String name, boolean unset) {
            boolean blank = value instanceof Map<?, ?> map && map.containsKey(name) && map.get(name) == null;
            return at(name).flag(!blank && unset);
        }

        boolean flag(boolean unset) {
            if (!isSet()) {
                return unset;
            }
            return switch (value.toString().toLowerCase(Locale.ROOT)) {
                case "true", "yes", "on" -> true;
                case "false", "no", "off" -> false;
                default -> throw wrong("true or false");
            };
        }

        int whole(int least, int most) {
            if (value instanceof Integer number && number >= least && number <= most) {
                return number;
            }
            throw wrong("a whole number from " + least + " to " + most);
        }

        double number(double least, double most, String expected) {
            if (value instanceof Number number && number.doubleValue() >= least && number.doubleValue() <= most) {
                return number.doubleValue();
            }
            throw wrong(expected);
        }

        /** The complaint about this field, in one line. */
        IllegalArgumentException wrong(String expected) {
            return Yaml.this.wrong(path, value, expected);
        }
    }

    private static String shown(Object value) {
        if (value == null) {
            return "not set";
        }
        if (value instanceof Map) {
            return "several fields";
        }
        return value instanceof List ? "a list" : "'" + value.toString().lines().findFirst().orElse("") + "'";
    }

    private IllegalArgumentException wrong(List<String> place, Object value, String expected) {
        return new IllegalArgumentException(name + ": " + String.join(".", place) + (place.isEmpty() ? "" : ": ") + shown(value)
                + "; expected " + expected);
    }

    private static Object raw(Object container, String key) {
        if (container instanceof Map<?, ?> map) {
            return map.entrySet().stream().filter(entry -> String.valueOf(entry.getKey()).equals(key))
                    .<Object>map(Map.Entry::getValue).filter(Objects::nonNull).findFirst().orElse(null);
        }
        if (container instanceof List<?> list && key.matches("\\d{1,9}") && Integer.parseInt(key) < list.size()) {
            return list.get(Integer.parseInt(key));
        }
        return null;
    }

    /** {@code value} at {@code place}, with its interpolations filled in. */
    private Object resolve(Object value, List<String> place, int[] done) {
        Object resolved = value;
        while (resolved instanceof String text) {
            Matcher matcher = INTERPOLATION.matcher(text);
            if (!matcher.find()) {
                break;
            }
            if (++done[0] > INTERPOLATION_LIMIT || text.length() > SIZE_LIMIT) {
                throw wrong(place, value, "interpolations that come to an end");
            }
            Object found = lookUp(matcher.group(1), place, done);
            boolean whole = matcher.start() == 0 && matcher.end() == text.length();
            if (!whole && (found instanceof Map || found instanceof List)) {
                throw wrong(place, value, "an interpolation within a text to be a text");
            }
            resolved = whole ? found : text.substring(0, matcher.start()) + found + text.substring(matcher.end());
        }
        return resolved;
    }

    private Object lookUp(String reference, List<String> place, int[] done) {
        int dots = 0;
        while (dots < reference.length() && reference.charAt(dots) == '.') {
            dots++;
        }
        List<String> at = new ArrayList<>(dots == 0 ? List.of() : place.subList(0, Math.max(0, place.size() - dots)));
        Object found = top;
        for (String key : at) {
            found = raw(found, key);
        }
        for (String key : reference.substring(dots).split("[.\\[\\]]+")) {
            at.add(key);
            found = resolve(raw(found, key), at, done);
        }
        if (found == null || dots > place.size()) {
            throw wrong(place, "${" + reference + "}", "a place in this file, as ${section.field} or ${..section.field}");
        }
        return found;
    }
}
