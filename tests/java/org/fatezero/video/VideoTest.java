package org.fatezero.video;

import org.fatezero.Photograph;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

import javax.imageio.ImageIO;
import javax.sound.sampled.AudioFileFormat;
import javax.sound.sampled.AudioFormat;
import javax.sound.sampled.AudioInputStream;
import javax.sound.sampled.AudioSystem;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class VideoTest {

    private static final Path JEEP = Path.of("tests/media/jeep.mp4");

    @TempDir
    private Path folder;

    @Test
    void readsEveryFrameOfAVideo() throws Exception {
        List<Frame> frames = Video.read(JEEP, Integer.MAX_VALUE);
        assertEquals(24, frames.size());
        for (int i = 0; i < frames.size(); i++) {
            assertEquals("256x256", frames.get(i).size());
            assertTrue(i == 0 || !Arrays.equals(frames.get(i).rgb(), frames.get(i - 1).rgb()), "frame " + i);
        }
    }

    @Test
    void readsNoMoreThanAsked() throws Exception {
        List<Frame> two = Video.read(JEEP, 2);
        assertEquals(2, two.size());
        assertArrayEquals(Video.read(JEEP, 3).get(1).rgb(), two.get(1).rgb());
    }

    @Test
    void aPictureIsAVideoOfOneFrameWithItsOwnColours() throws Exception {
        BufferedImage image = new BufferedImage(5, 3, BufferedImage.TYPE_INT_RGB);
        byte[] expected = new byte[45];
        for (int i = 0; i < 15; i++) {
            image.setRGB(i % 5, i / 5, 0x112233 * (i + 1) & 0xffffff);
            for (int c = 0; c < 3; c++) {
                expected[3 * i + c] = (byte) (0x112233 * (i + 1) >> 16 - 8 * c);
            }
        }
        Path file = folder.resolve("a picture #1.png");
        ImageIO.write(image, "png", file.toFile());
        try (Video video = new Video(file)) {
            Frame frame = video.next();
            assertEquals("5x3", frame.size());
            assertArrayEquals(expected, frame.rgb());
            assertEquals(null, video.next());
        }
    }

    @Test
    void turnsClockwiseAndFlips() {
        byte[] pixels = {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6};
        Frame turned = new Frame(3, 2, pixels).turned(1); // 123 456 becomes 41 52 63
        assertEquals("2x3", turned.size());
        assertArrayEquals(new byte[] {4, 4, 4, 1, 1, 1, 5, 5, 5, 2, 2, 2, 6, 6, 6, 3, 3, 3}, turned.rgb());
        assertArrayEquals(pixels, turned.turned(3).rgb());
        assertArrayEquals(new byte[] {4, 4, 4, 5, 5, 5, 6, 6, 6, 1, 1, 1, 2, 2, 2, 3, 3, 3}, new Frame(3, 2, pixels).flipped().rgb());
    }

    @Test
    void aVideoIsTurnedAsItsFileSays() throws Exception {
        Frame frame = Video.read(JEEP, 1).get(0);
        Path turned = Files.write(folder.resolve("turned.mp4"), placed(Files.readAllBytes(JEEP), 0, 1, -1, 0));
        assertArrayEquals(frame.turned(1).rgb(), Video.read(turned, 1).get(0).rgb());
        Path flipped = Files.write(folder.resolve("flipped.mp4"), placed(Files.readAllBytes(JEEP), 1, 0, 0, -1));
        assertArrayEquals(frame.flipped().rgb(), Video.read(flipped, 1).get(0).rgb());
    }

    /** An MP4 file whose track is shown turned or mirrored: the matrix in its header has the directions of its rows and columns. */
    private static byte[] placed(byte[] mp4, int rowsX, int rowsY, int columnsX, int columnsY) {
        ByteBuffer bytes = ByteBuffer.wrap(mp4.clone());
        int matrix = new String(mp4, StandardCharsets.ISO_8859_1).indexOf("tkhd") + 44;
        assertEquals(1 << 16, bytes.getInt(matrix));
        bytes.putInt(matrix, rowsX << 16).putInt(matrix + 4, rowsY << 16);
        bytes.putInt(matrix + 12, columnsX << 16).putInt(matrix + 16, columnsY << 16);
        return bytes.array();
    }

    /** Which sides of the scene the first row and the first column of the file are, in the words of the Exif standard. */
    @ParameterizedTest
    @CsvSource({"1, top, left", "2, top, right", "3, bottom, right", "4, bottom, left", "5, left, top", "6, right, top",
        "7, right, bottom", "8, left, bottom"})
    void aPhotographIsTurnedAndMirroredAsItsFileSays(int orientation, String row, String column) throws Exception {
        Frame stored = Video.read(Files.write(folder.resolve("stored.jpg"), Photograph.jpeg(1)), 1).get(0);
        Frame upright = Video.read(Files.write(folder.resolve("upright.jpg"), Photograph.jpeg(orientation)), 1).get(0);
        boolean lies = row.equals("left") || row.equals("right");
        int width = lies ? stored.height() : stored.width();
        byte[] expected = new byte[stored.rgb().length];
        for (int i = 0; i < stored.height(); i++) {
            for (int j = 0; j < stored.width(); j++) {
                int fromFirstRow = row.equals("top") || row.equals("left") ? i : stored.height() - 1 - i;
                int fromFirstColumn = column.equals("top") || column.equals("left") ? j : stored.width() - 1 - j;
                int y = lies ? fromFirstColumn : fromFirstRow;
                int x = lies ? fromFirstRow : fromFirstColumn;
                System.arraycopy(stored.rgb(), 3 * (i * stored.width() + j), expected, 3 * (y * width + x), 3);
            }
        }
        assertEquals(width, upright.width());
        assertArrayEquals(expected, upright.rgb());
    }

    @Test
    void whatIsNoVideoIsRefused() throws Exception {
        Path missing = folder.resolve("missing.mp4");
        assertEquals(missing + ": no such file", assertThrows(NoSuchFileException.class, () -> new Video(missing)).getMessage());
        assertTrue(assertThrows(IOException.class, () -> new Video(folder)).getMessage().contains("a folder"));
        Path text = Files.writeString(folder.resolve("text.mp4"), "no video\n".repeat(1000));
        assertTrue(failure(text).startsWith(text + ": cannot be read as a video: Invalid data"), failure(text));
        Path empty = Files.createFile(folder.resolve("empty.mp4"));
        assertTrue(failure(empty).startsWith(empty + ": cannot be read as a video"), failure(empty));
        Path sound = folder.resolve("sound.wav");
        AudioFormat format = new AudioFormat(8000, 16, 1, true, false);
        AudioSystem.write(new AudioInputStream(new ByteArrayInputStream(new byte[16000]), format, 8000), AudioFileFormat.Type.WAVE,
                sound.toFile());
        assertEquals(sound + ": holds no video", failure(sound));
        Path list = Files.writeString(folder.resolve("list.m3u8"), "#EXTM3U\n#EXTINF:1,\nhttp://localhost:1/a.ts\n");
        assertFalse(failure(list).isEmpty());
    }

    @Test
    void aDamagedVideoIsRefused() throws Exception {
        byte[] whole = Files.readAllBytes(JEEP);
        Path cut = Files.write(folder.resolve("cut.mp4"), Arrays.copyOf(whole, whole.length / 2));
        assertFalse(failure(cut).isEmpty());
        byte[] scratched = whole.clone();
        int data = new String(whole, StandardCharsets.ISO_8859_1).indexOf("mdat") + 4;
        Arrays.fill(scratched, data + 3000, data + 9000, (byte) 0x55);
        Path damaged = Files.write(folder.resolve("damaged.mp4"), scratched);
        assertTrue(failure(damaged).startsWith(damaged + ": "), failure(damaged));
    }

    private static String failure(Path file) {
        return assertThrows(IOException.class, () -> Video.read(file, Integer.MAX_VALUE)).getMessage();
    }
}
