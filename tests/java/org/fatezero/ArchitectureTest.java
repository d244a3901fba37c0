package org.fatezero;

import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The packages: each is small, and imports point one way. */
class ArchitectureTest {

    private static final Path SOURCES = Path.of("java-engine/src");
    private static final int MOST_FILES = 12;
    private static final int MOST_LINES = 350;

    /** A package may use those before it, and no others. */
    private static final List<String> ORDER = List.of("io", "device", "options.authors", "options.words", "options", "tensor", "forward",
            "nn", "text", "vae", "unet", "diffusion", "model", "inversion", "edit", "edit.region", "edit.fatezero", "edit.infusion",
            "edit.plan", "video", "caption", "show", "engine", "clip", "metrics", "tune", "cli");

    private static JavaClasses classes;

    @BeforeAll
    static void read() {
        classes = new ClassFileImporter().importPath(Path.of("build/maven/classes"));
        assertTrue(classes.size() > 100);
    }

    private static String name(JavaClass type) {
        return type.getPackageName().replaceFirst("^org\\.fatezero\\.?", "");
    }

    @Test
    void importsPointOneWay() {
        TreeSet<String> wrong = new TreeSet<>();
        for (JavaClass type : classes) {
            for (Dependency dependency : type.getDirectDependenciesFromSelf()) {
                JavaClass target = dependency.getTargetClass().getBaseComponentType();
                if (target.getPackageName().startsWith("org.fatezero") && ORDER.indexOf(name(target)) > ORDER.indexOf(name(type))) {
                    wrong.add(type.getFullName() + " uses " + target.getFullName());
                }
            }
        }
        assertEquals(new TreeSet<>(), wrong);
        TreeSet<String> packages = classes.stream().map(ArchitectureTest::name).collect(Collectors.toCollection(TreeSet::new));
        packages.removeAll(ORDER);
        assertEquals(new TreeSet<>(), packages, "a new package has a place in the order");
    }

    @Test
    void noPackagesUseEachOther() {
        slices().matching("org.fatezero.(**)").should().beFreeOfCycles().check(classes);
    }

    /** What of DJL is no part of its interface, and may change with any version. */
    @Test
    void oneClassKnowsWhatLiesBehindDjl() {
        TreeSet<String> users = new TreeSet<>();
        for (JavaClass type : classes) {
            if (type.getDirectDependenciesFromSelf().stream()
                    .anyMatch(use -> use.getTargetClass().getPackageName().startsWith("ai.djl.pytorch"))) {
                users.add(type.getFullName().replaceFirst("\\$.*", ""));
            }
        }
        assertEquals(new TreeSet<>(List.of("org.fatezero.device.Libtorch")), users);
    }

    @Test
    void packagesAndFilesAreSmall() throws IOException {
        Map<Path, Integer> files = new TreeMap<>();
        List<Path> sources;
        try (Stream<Path> walked = Files.walk(SOURCES)) {
            sources = walked.filter(file -> file.toString().endsWith(".java")).toList();
        }
        assertTrue(sources.size() > 100);
        for (Path source : sources) {
            files.merge(source.getParent(), 1, Integer::sum);
            int lines = Files.readAllLines(source).size();
            assertTrue(lines <= MOST_LINES, source + " has " + lines + " lines");
        }
        files.values().removeIf(count -> count <= MOST_FILES);
        assertEquals(Map.of(), files, "packages of too many files");
    }

    @Test
    void noLineIsLongerThanTheEditorsAreTold() throws IOException {
        Pattern limit = Pattern.compile("\\[\\*\\.\\{(java[a-z,]*)}]\\s+max_line_length = (\\d+)");
        Matcher told = limit.matcher(Files.readString(Path.of(".editorconfig")));
        assertTrue(told.find(), ".editorconfig has no limit for Java");
        Pattern named = Pattern.compile(".*\\.(" + told.group(1).replace(',', '|') + ")");
        List<String> longer = new ArrayList<>();
        for (String folder : List.of("java-engine", "tests", "jni", "ffmpeg-filter")) {
            List<Path> sources;
            try (Stream<Path> walked = Files.walk(Path.of(folder))) {
                sources = walked.filter(file -> named.matcher(file.toString()).matches()).toList();
            }
            assertFalse(sources.isEmpty(), folder);
            for (Path source : sources) {
                List<String> lines = Files.readAllLines(source);
                for (int i = 0; i < lines.size(); i++) {
                    if (lines.get(i).length() > Integer.parseInt(told.group(2))) {
                        longer.add(source + ":" + (i + 1));
                    }
                }
            }
        }
        assertEquals(List.of(), longer);
    }
}
