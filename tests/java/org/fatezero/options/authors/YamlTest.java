package org.fatezero.options.authors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.fatezero.io.UserTexts;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;

class YamlTest {

    @TempDir
    private Path folder;

    private Yaml.Field top(String text) throws IOException {
        return Yaml.read(Files.writeString(folder.resolve("a.yaml"), text), new UserTexts()).top();
    }

    private void refused(String text, String... told) {
        String message = assertThrows(IllegalArgumentException.class, () -> top(text)).getMessage();
        assertTrue(message.startsWith(folder.resolve("a.yaml").toString()), message);
        assertFalse(message.contains("\n"), message);
        for (String part : told) {
            assertTrue(message.contains(part), message);
        }
    }

    @Test
    void valuesAreReadAsTheAuthorsLoaderReadsThem() throws Exception {
        Yaml.Field top = top("""
                a: {b: [1, -2.5, 1e-3, True, no, 'x', ~, None], 0: zero}
                words: [
                    # a comment
                    a red jeep,
                    two
                    lines,
                ]
                """);
        Yaml.Field b = top.at("a").at("b");
        assertEquals(1, b.at(0).whole(0, 1));
        assertEquals(-2.5, b.at(1).number(-3, 0, ""));
        assertEquals(0.001, b.at(2).number(0, 1, ""));
        assertTrue(b.at(3).flag(false));
        assertFalse(b.at(4).flag(true));
        assertEquals("x", b.at(5).text(""));
        assertFalse(b.at(6).isSet() || b.at(7).isSet() || b.at(8).isSet() || top.at("c").at("d").isSet());
        assertEquals("zero", top.at("a").at("0").text(""));
        assertEquals(List.of("a red jeep", "two lines"), top.at("words").list().stream().map(word -> word.text("")).toList());
        assertEquals(List.of("b", "0"), top.at("a").keys());
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {"${t}; top", "${x.n}; 7", "${.n}; 7", "${..t}; top", "${...l[1]} of ${t}; second of top",
        "${l.1}; second", "${.list}; 7", "${x.again}; top", "a ${x.n} b ${x.n}; a 7 b 7", "${.o.p}; top", "${..x.o.p}; top"})
    void interpolationsAreThoseOfOmegaConf(String text, String expected) throws Exception {
        // the field is x.y.z.value but for the relative ones, which count from x
        String place = text.startsWith("${...") ? "y: {value: \"" + text + "\"}" : "value: \"" + text + "\"";
        Yaml.Field x = top("""
                t: top
                l: [first, second]
                x:
                  n: 7
                  list: '${.n}'
                  again: '${..t}'
                  o: {p: '${...t}'}
                """ + "  " + place).at("x");
        Yaml.Field value = text.startsWith("${...") ? x.at("y").at("value") : x.at("value");
        assertEquals(expected, value.text(""));
    }

    @Test
    void anInterpolationMayBeANumberOrAList() throws Exception {
        Yaml.Field top = top("a: {n: 8, l: [x]}\nb: '${a.n}'\nc: '${a.l}'\nd: '${a}'");
        assertEquals(8, top.at("b").whole(0, 9));
        assertEquals("x", top.at("c").at(0).text(""));
        assertEquals(8, top.at("d").at("n").whole(0, 9));
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {"a: ${b}\\nb: ${a}; come to an end", "a: ${a}; come to an end", "a: x${a}; come to an end",
        "a: ${b.c}; ${b.c}", "a: ${.....b}\\nb: 1; ${.....b}", "a: ${oc.env:HOME}; a place in this file",
        "a: x${b}\\nb: [1]; within a text", "a: ${}; a place in this file", "a: ${.}; a place in this file"})
    void interpolationsThatLeadNowhereAreTold(String text, String told) throws Exception {
        Yaml.Field top = top(text.replace("\\n", "\n").replaceAll("(\\$\\{[^}]*})", "'$1'").replace("x'${", "'x${"));
        String message = assertThrows(IllegalArgumentException.class, () -> top.at("a")).getMessage();
        assertTrue(message.contains("a.yaml: a: ") && message.contains(told), message);
        assertFalse(message.contains("\n"), message);
    }

    @Test
    void interpolationsDoNotMultiplyWithoutEnd() throws Exception {
        StringBuilder bomb = new StringBuilder("a0: xxxxxxxxxx\n");
        for (int i = 1; i < 40; i++) {
            bomb.append("a%d: '${a%d}${a%d}'\n".formatted(i, i - 1, i - 1));
        }
        Yaml.Field top = top(bomb.toString());
        assertEquals(40, top.at("a2").text("").length());
        assertTrue(assertThrows(IllegalArgumentException.class, () -> top.at("a39")).getMessage().contains("come to an end"));
    }

    @Test
    void aFileThatIsNoneIsTold() throws Exception {
        assertThrows(NoSuchFileException.class, () -> Yaml.read(folder.resolve("none.yaml"), new UserTexts()));
        Path large = Files.writeString(folder.resolve("large.yaml"), "a: " + "x".repeat(1 << 16));
        assertTrue(assertThrows(IOException.class, () -> Yaml.read(large, new UserTexts())).getMessage().contains("65536"));
        Path latin = Files.write(folder.resolve("latin.yaml"), "a: é".getBytes(StandardCharsets.ISO_8859_1));
        assertTrue(assertThrows(IOException.class, () -> Yaml.read(latin, new UserTexts())).getMessage().contains("UTF-8"));
        refused("a: [1, 2\nb: 3", "line 2");
        refused("a: 1\na: 2", "line 2", "duplicate key a");
        refused("a: 1\n---\nb: 2", "line 2");
        refused("\ta: 1", "line 1");
        refused("a: *b", "line 1", "alias b");
        refused("a: &a {b: 1}\nc:\n  <<: *a", "line 3", "<<");
        assertFalse(top("").at("a").isSet());
    }

    @ParameterizedTest
    @ValueSource(strings = {"a: !!javax.script.ScriptEngineManager [!!java.net.URLClassLoader [[!!java.net.URL ['http://x/']]]]",
        "!!java.io.File [x]", "a: !!python/object/apply:os.system [ls]", "a: !local {b: 1}", "a: !!str 1", "a: !!set {b}",
        "a: !!binary aGk="})
    void tagsAreRefusedSoNothingIsMade(String text) {
        refused(text, "line 1: the tag ", "expected plain values");
    }

    @Test
    void bombsAreRefused() {
        StringBuilder laughs = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for (int i = 1; i < 10; i++) {
            laughs.append("a%d: &a%d [%s]\n".formatted(i, i, String.join(", ", Collections.nCopies(9, "*a" + (i - 1)))));
        }
        refused(laughs.toString(), "aliases");
        refused("a: " + "[".repeat(20_000) + "]".repeat(20_000), "nested deeper than 16");
        refused("a: " + "{b: ".repeat(10_000) + "}".repeat(10_000), "nested deeper than 16");
        refused("- ".repeat(20_000) + "x", "nested deeper than 16");
        refused("? ".repeat(20_000) + "x", "nested deeper than 16");
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "7; whole; a.b: '7'; from 8 to 9", "7.5; whole; a.b: '7.5'; a whole number", "x; whole; a.b: 'x'; from 8 to 9",
        "true; number; a.b: 'true'; a share", ".nan; number; a.b: 'NaN'; a share", "2; number; a.b: '2'; a share",
        "3; flag; a.b: '3'; true or false",
        "[1]; text; a.b: a list; a word", "{c: 1}; text; a.b: several fields; a word", "; text; a.b: not set; a word"})
    void aWrongValueIsToldWithItsPlaceAndWhatWasExpected(String value, String kind, String told, String expected) throws Exception {
        Yaml.Field field = top("a:\n  b: " + (value == null ? "" : value)).at("a").at("b");
        String message = assertThrows(IllegalArgumentException.class, () -> {
            switch (kind) {
                case "whole" -> field.whole(8, 9);
                case "number" -> field.number(0, 1, "a share");
                case "flag" -> field.flag(true);
                default -> field.text("a word");
            }
        }).getMessage();
        assertTrue(message.startsWith(folder.resolve("a.yaml") + ": " + told), message);
        assertTrue(message.contains("expected ") && message.contains(expected), message);
    }
}
