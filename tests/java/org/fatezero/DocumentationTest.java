package org.fatezero;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** README is short and leads to every page of docs/, no link leads nowhere, and the architecture names what there is. */
class DocumentationTest {

    private static final Path README = Path.of("README.md");
    private static final Path DOCS = Path.of("docs");
    private static final Path SOURCES = Path.of("java-engine/src/org/fatezero");
    private static final int MOST_LINES = 150;
    private static final int MOST_COLUMNS = 120;
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)]*)\\)");

    private static List<Path> pages() throws IOException {
        try (Stream<Path> files = Files.list(DOCS)) {
            return Stream.concat(Stream.of(README), files.filter(file -> file.toString().endsWith(".md")).sorted()).toList();
        }
    }

    /** Targets of a page's links that lie in this repository, with their fragments. */
    private static List<String> links(Path page) throws IOException {
        List<String> links = new ArrayList<>();
        Matcher link = LINK.matcher(Files.readString(page));
        while (link.find()) {
            if (!link.group(1).startsWith("http")) {
                links.add(link.group(1));
            }
        }
        return links;
    }

    private static Path target(Path page, String link) {
        String path = link.replaceFirst("#.*", "");
        return path.isEmpty() ? page : page.resolveSibling(path).normalize();
    }

    /** The fragments that lead to a page's headings. */
    private static Set<String> fragments(Path page) throws IOException {
        return Files.readString(page).lines().filter(line -> line.matches("#+ .*"))
                .map(line -> line.replaceFirst("#+ ", "").toLowerCase(Locale.ROOT).replaceAll("[^\\w -]", "").replace(' ', '-'))
                .collect(Collectors.toSet());
    }

    @Test
    void theReadmeIsShort() throws IOException {
        List<String> lines = Files.readAllLines(README);
        assertTrue(lines.size() <= MOST_LINES, lines.size() + " lines");
        assertEquals(List.of(), lines.stream().filter(line -> line.length() > MOST_COLUMNS).toList(), "lines of more than " + MOST_COLUMNS);
    }

    @Test
    void linksLeadSomewhere() throws IOException {
        List<String> broken = new ArrayList<>();
        int links = 0;
        for (Path page : pages()) {
            for (String link : links(page)) {
                Path target = target(page, link);
                links++;
                if (!Files.exists(target) || link.contains("#") && !fragments(target).contains(link.replaceFirst(".*#", ""))) {
                    broken.add(page + ": " + link);
                }
            }
        }
        assertTrue(links > 50);
        assertEquals(List.of(), broken);
    }

    /** Files, classes and packages of the engine that its architecture is told by. */
    @Test
    void theArchitectureIsThatOfTheSources() throws IOException {
        String text = Files.readString(DOCS.resolve("architecture.md"));
        List<Path> sources;
        try (Stream<Path> walked = Files.walk(SOURCES)) {
            sources = walked.filter(file -> file.toString().endsWith(".java")).map(SOURCES::relativize).toList();
        }
        List<String> missing = new ArrayList<>();
        Matcher named = Pattern.compile("`([a-z]+(?:/[a-z]+)*/[A-Z]\\w+\\.java)`|`([a-z.]+): (\\w+)`").matcher(text);
        while (named.find()) {
            Path file = Path.of(named.group(1) != null ? named.group(1)
                    : named.group(2).replace('.', '/') + "/" + named.group(3) + ".java");
            if (!sources.contains(file)) {
                missing.add(named.group());
            }
        }
        assertEquals(List.of(), missing);
        Set<String> packages = sources.stream().map(source -> source.getParent().toString().replace('/', '.')).collect(Collectors.toSet());
        packages.removeIf(name ->
                Pattern.compile("^\\|[^|]*`" + Pattern.quote(name) + "`[^|]*\\|", Pattern.MULTILINE).matcher(text).find());
        assertEquals(Set.of(), packages, "packages without a row");
    }

    @Test
    void theReadmeNamesEveryPageAndPreset() throws IOException {
        Set<Path> linked = new TreeSet<>();
        for (String link : links(README)) {
            linked.add(target(README, link));
        }
        Set<Path> expected = new TreeSet<>(pages());
        expected.remove(README);
        try (Stream<Path> presets = Files.list(Path.of("presets"))) {
            presets.filter(file -> file.toString().endsWith(".preset")).forEach(preset -> {
                expected.add(preset);
                expected.add(Path.of(preset.toString().replace(".preset", ".png")));
            });
        }
        expected.removeAll(linked);
        assertEquals(Set.of(), expected, "missing in README.md");
    }
}
