package org.fatezero.cli;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

import javax.imageio.ImageIO;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** The subcommand as it is called, in this process. Its figures are compared with references in the packages that give them. */
class MetricsTest {

    private static final String JEEP = "tests/media/jeep.mp4";
    private static final String CLIP = "tests/golden/clip";

    @TempDir
    private Path folder;

    private record Result(int status, String out, String errors) {
    }

    private static Result run(String... arguments) {
        PrintStream out = System.out;
        PrintStream errors = System.err;
        ByteArrayOutputStream told = new ByteArrayOutputStream();
        ByteArrayOutputStream complained = new ByteArrayOutputStream();
        System.setOut(new PrintStream(told, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(complained, true, StandardCharsets.UTF_8));
        try {
            int status = Main.run(arguments);
            return new Result(status, told.toString(StandardCharsets.UTF_8), complained.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(out);
            System.setErr(errors);
        }
    }

    /** A picture with a white square in its middle. */
    private String square(String name, int side) throws IOException {
        BufferedImage image = new BufferedImage(side, side, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = image.createGraphics();
        graphics.setColor(Color.WHITE);
        graphics.fillRect(side / 4, side / 4, side / 2, side / 2);
        graphics.dispose();
        Path file = folder.resolve(name);
        ImageIO.write(image, "png", file.toFile());
        return file.toString();
    }

    @Test
    void tellsAllFiguresAsATableAndAsJson() throws Exception {
        Path json = folder.resolve("figures.json");
        Result result = run("metrics", "--clip", CLIP, "--source", "a red jeep", "--prompt", "a watercolor painting of a red jeep",
                "--input", JEEP, "--mask", square("mask.png", 256), "--json", json.toString(), JEEP);
        assertEquals(0, result.status(), result.errors());
        assertEquals("", result.errors());
        assertTrue(result.out().matches("frames +24\nTem-Con +0\\.\\d{4}\nFrame-Acc +[01]\\.\\d{4}\n +PSNR, dB +SSIM\n"
                + "whole +78\\.13 +1\\.0000\ninside +78\\.13 +1\\.0000\noutside +78\\.13 +1\\.0000\n"), result.out());
        JsonObject figures = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
        assertEquals(24, figures.get("frames").getAsInt());
        assertTrue(result.out().contains(String.format("%.4f", figures.get("tem_con").getAsDouble())), result.out());
        assertTrue(figures.get("frame_acc").getAsDouble() >= 0);
        assertEquals(1, figures.getAsJsonObject("outside").get("ssim").getAsDouble(), 1e-9);
    }

    /** One frame has none that follows it, and without a mask there is no inside. */
    @Test
    void whatIsNotAskedForIsLeftOut() throws Exception {
        Path json = folder.resolve("figures.json");
        String black = square("black.png", 16);
        Result result = run("metrics", "--clip", CLIP, "--input", black, "--json", json.toString(), square("white.png", 16));
        assertEquals(0, result.status(), result.errors());
        JsonObject figures = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
        assertFalse(figures.has("tem_con") || figures.has("frame_acc") || figures.has("inside"), figures.toString());
        assertTrue(figures.has("whole"), figures.toString());
    }

    @Test
    void whatIsCutOfAPromptIsTold() throws Exception {
        Result result = run("metrics", "--clip", CLIP, "--source", "jeep", "--prompt", "a ".repeat(75) + "by the sea", square("a.png", 16));
        assertEquals(0, result.status(), result.errors());
        assertEquals("--prompt is too long for the text encoder, which does not see: by the sea\n", result.errors());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "JEEP | 2 | --clip or --input is missing; see fatezero metrics --help",
        "--clip MODEL --source red JEEP | 2 | --source and --prompt need each other; see fatezero metrics --help",
        "--input JEEP --source red --prompt blue JEEP | 2 | --source and --prompt need --clip; see fatezero metrics --help",
        "--clip MODEL --mask JEEP JEEP | 2 | --mask needs --input; see fatezero metrics --help",
        "--input JEEP --json / JEEP | 2 | --json /: a folder; a file is expected; see fatezero metrics --help",
        "--input JEEP --json /nowhere/at/all JEEP | 2 | --json /nowhere/at/all: no such folder; see fatezero metrics --help",
        "--clip nowhere JEEP | 1 | nowhere: no such folder; a CLIP model in the transformers layout is expected",
        "--input nowhere JEEP | 1 | nowhere: no such file",
        "--input JEEP PICTURE | 1 | PICTURE: ends after 1 frames and JEEP does not; as many are expected",
        "--input PICTURE JEEP | 1 | PICTURE: ends after 1 frames and JEEP does not; as many are expected",
        "--input JEEP --mask SMALL JEEP | 1 | SMALL: its frames are 16x16, those of JEEP 256x256; the same size is expected",
        "--input PICTURE SMALL | 1 | PICTURE: its frames are 256x256, those of SMALL 16x16; the same size is expected",
        "--input PICTURE --mask JEEP PICTURE | 1 | PICTURE: ends after 1 frames and JEEP does not; as many are expected"})
    void whatIsWrongIsOneLine(String arguments, int status, String message) throws Exception {
        String picture = square("picture.png", 256);
        String small = square("small.png", 16);
        Result result = run(named("metrics " + arguments, picture, small).split(" "));
        assertEquals("fatezero metrics: " + named(message, picture, small) + "\n", result.errors());
        assertEquals(status, result.status());
        assertEquals("", result.out());
    }

    private static String named(String text, String picture, String small) {
        return text.replace("JEEP", JEEP).replace("MODEL", CLIP).replace("PICTURE", picture).replace("SMALL", small);
    }
}
