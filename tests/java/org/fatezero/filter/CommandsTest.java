package org.fatezero.filter;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

import static org.fatezero.filter.Ffmpeg.REAL;
import static org.fatezero.filter.Ffmpeg.STUB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Options that sendcmd changes as the filter runs. */
@Tag("filter")
class CommandsTest {
    private static final Pattern PROMPT = Pattern.compile("lavfi\\.fatezero\\.prompt=(.*)");
    private static final String FILM = "-f lavfi -i testsrc2=s=64x48:r=25,trim=end_frame=24 -vf";

    @TempDir
    private Path folder;

    /** A filter that sends each command before its frame: frame, option, value, ... */
    private String commands(String... commands) throws Exception {
        StringBuilder script = new StringBuilder();
        for (int i = 0; i < commands.length; i += 3)
            script.append(Integer.parseInt(commands[i]) / 25.).append(" fatezero ").append(commands[i + 1])
                .append(" '").append(commands[i + 2]).append("';\n");
        return "sendcmd=f=" + Files.writeString(folder.resolve("commands"), script);
    }

    private static List<String> hashes(String filters) {
        return REAL.frames(FILM, filters).stream().map(line -> line.substring(line.lastIndexOf(',') + 1)).toList();
    }

    private static final String EDIT =
        ",format=rgb24,fatezero=precision=fp32:size=32:steps=2:window=4:steady=0:model=tests/golden/tiny:source=a silver jeep";

    /**
     * Each change from its frame on, and what is wrong not at all: every frame is, bit for bit, that of a film that is cut into the same
     * windows and had these options all along.
     */
    @Test
    void eachHoldsFromItsFrameOn() throws Exception {
        List<String> found = hashes(commands("5", "prompt", "a jeep of gold", "6", "prompt", "a red jeep", "11", "strength", "7",
            "13", "blend", "giraffe", "14", "reinit", "preset=monet:prompt=", "18", "model", "none",
            "21", "reinit", "prompt=a green jeep:preset=") + EDIT + ":prompt=a boat");
        List<String> undisturbed = hashes("null" + EDIT + ":prompt=a boat");
        List<String> expected = new ArrayList<>(undisturbed.subList(0, 5));
        String[] options = {"prompt=a jeep of gold", "prompt=a red jeep", "preset=monet", "prompt=a green jeep"};
        int[] begins = {5, 6, 14, 21, 24};
        for (int i = 0; i < options.length; i++)
            expected.addAll(hashes(commands("5", "reinit", options[i], "6", "reinit", options[i], "14", "reinit", options[i],
                "21", "reinit", options[i]) + EDIT + ":" + options[i]).subList(begins[i], begins[i + 1]));
        assertEquals(expected, found);
        assertNotEquals(undisturbed.subList(5, 24), expected.subList(5, 24));
    }

    /** As if they had not been set: numbers and flags, too. */
    @Test
    void emptyTakesAnOptionBack() throws Exception {
        String edit = EDIT + ":prompt=a boat:blend=jeep";
        List<String> found = hashes(commands("8", "reinit", "blend_pixels=0:guidance=9:strength=0.6",
            "16", "reinit", "blend_pixels=:guidance=:strength=") + edit);
        List<String> unset = hashes(commands("8", "reinit", "prompt=a boat", "16", "reinit", "prompt=a boat") + edit);
        assertEquals(unset.subList(0, 8), found.subList(0, 8));
        assertNotEquals(unset.subList(8, 16), found.subList(8, 16));
        assertEquals(unset.subList(16, 24), found.subList(16, 24));
    }

    /** A window that fails ends the stream, but takes nothing along that was done. */
    @Test
    void whatWasDoneBeforeAFailureComesOut() throws Exception {
        Ffmpeg.Result result = STUB.run(FILM,
            commands("22", "prompt", "throw IOException oops") + ",fatezero=steps=1:prompt=a:window=8,metadata=print", "-f", "null", "-");
        assertNotEquals(0, result.status());
        assertTrue(result.log().contains("oops"), result::tail);
        assertEquals(22, prompts(result).size());
    }

    @ParameterizedTest
    @CsvSource({"foo, 'reinit foo: expected option=value, and more behind colons'",
                "promt=a jeep, reinit: promt is no option of the filter"})
    void whatIsNoOptionIsTold(String options, String told) throws Exception {
        assertTrue(stub(commands("3", "reinit", options), "").log().contains(told), options);
    }

    private static List<String> prompts(Ffmpeg.Result result) {
        List<String> found = new ArrayList<>();
        for (Matcher matcher = PROMPT.matcher(result.log()); matcher.find();)
            found.add(matcher.group(1));
        return found;
    }

    private Ffmpeg.Result stub(String commands, String options) {
        return STUB.run("-v verbose " + FILM, commands + ",fatezero=steps=1:prompt=a" + options + ",metadata=print",
            "-f", "null", "-").succeeded();
    }

    /** Prompts from the frame that each is named by on. */
    private static List<String> prompts(int... begins) {
        List<String> prompts = new ArrayList<>();
        for (int i = 0, last = 0; i < 24; i++) {
            last = last < begins.length && begins[last] == i ? last + 1 : last;
            prompts.add(last == 0 ? "a" : "from " + begins[last - 1]);
        }
        return prompts;
    }

    private String changes(int... begins) throws Exception {
        List<String> commands = new ArrayList<>();
        for (int frame : begins)
            commands.addAll(List.of(Integer.toString(frame), "prompt", "twice", Integer.toString(frame), "prompt", "from " + frame));
        return commands(commands.toArray(String[]::new));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5, 8})
    void anyFrameOfAnyWindow(int window) throws Exception {
        for (int[] begins : new int[][] {{1, 2, 5, 7, 8, 9, 15, 23}, {0, 16}})
            assertEquals(prompts(begins), prompts(stub(changes(begins), ":window=" + window)));
    }

    @Test
    void aStretchThatIsDisabledKeepsIt() throws Exception {
        List<String> expected = prompts(5, 20);
        expected.subList(4, 9).clear();
        assertEquals(expected, prompts(stub(changes(5, 20), ":enable='not(between(n,4,8))'")));
    }

    /** Otherwise a film whose edit begins late would hold an engine for each change before. */
    @Test
    void enginesOfAStretchThatIsDisabledAreClosed() throws Exception {
        int[] all = IntStream.range(1, 20).toArray();
        Ffmpeg.Result result = stub(changes(all), ":window=1:enable='gte(n,20)'");
        Matcher opened = Pattern.compile("lavfi\\.fatezero\\.opened=(\\d+)").matcher(result.log());
        Matcher most = Pattern.compile("lavfi\\.fatezero\\.most_open=(\\d+)").matcher(result.log());
        assertTrue(opened.find() && most.find(), result::tail);
        assertEquals("39", opened.group(1));
        assertTrue(Integer.parseInt(most.group(1)) < 5, most.group(1) + " engines were open at once");
    }

    @Test
    void aWrongValueSaysSoAndChangesNothing() throws Exception {
        String[] wrong = {
            "strength", "7", "out of range",
            "preset", "nowhere", "preset=nowhere: neither a file",
            "blend", "giraffe", "giraffe",
            "reinit", "prompt=a:blend=b", "the word 'b'",
            "window", "4", "window cannot change",
            "reinit", "prompt=b:model=c", "model cannot change",
            "cut", "101", "out of range",
            "show", "compare", "show=compare",
            "nothing", "1", "ret:Function not implemented",
            "reinit", "prompt", "Invalid argument"};
        List<String> commands = new ArrayList<>();
        for (int i = 0; i < wrong.length; i += 3)
            commands.addAll(List.of(Integer.toString(1 + 2 * (i / 3)), wrong[i], wrong[i + 1]));
        Ffmpeg.Result result = REAL.run("-v verbose " + FILM,
            commands(commands.toArray(String[]::new)) + EDIT + ":prompt=a boat,metadata=print", "-f", "null", "-").succeeded();
        for (int i = 2; i < wrong.length; i += 3)
            assertTrue(result.log().contains(wrong[i]), wrong[i] + ": " + result.tail());
        assertEquals(wrong.length / 3,
            result.log().lines().filter(line -> line.contains("Command reply") && !line.contains("Success")).count());
        assertEquals(List.of("a boat"), prompts(result).stream().distinct().toList());
        assertTrue(result.log().contains("lavfi.fatezero.window=6") && !result.log().contains("lavfi.fatezero.window=7"),
            "24 frames in windows of 4");
    }

    /** An empty value is as if the option had not been set. */
    @Test
    void emptyIsNotSet() throws Exception {
        Ffmpeg.Result result = stub(commands("4", "reinit", "preset=monet:prompt=", "9", "negative", "x:y"), "");
        assertEquals(List.of("a", ""), prompts(result).stream().distinct().toList());
        assertEquals(20, result.log().split("lavfi.fatezero.preset=monet", -1).length - 1);
    }
}
