package org.fatezero.video;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
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
    void turnsClockwise() {
        byte[] pixels = {1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6};
        Frame turned = new Frame(3, 2, pixels).turned(1); // 123 456 becomes 41 52 63
        assertEquals("2x3", turned.size());
        assertArrayEquals(new byte[] {4, 4, 4, 1, 1, 1, 5, 5, 5, 2, 2, 2, 6, 6, 6, 3, 3, 3}, turned.rgb());
        assertArrayEquals(pixels, turned.turned(3).rgb());
    }

    @Test
    void aVideoIsTurnedAsItsFileSays() throws Exception {
        Path turned = Files.write(folder.resolve("turned.mp4"), clockwise(Files.readAllBytes(JEEP)));
        assertArrayEquals(Video.read(JEEP, 1).get(0).turned(1).rgb(), Video.read(turned, 1).get(0).rgb());
    }

    /** An MP4 file whose track is shown turned by a quarter: the matrix in its header. */
    private static byte[] clockwise(byte[] mp4) {
        ByteBuffer bytes = ByteBuffer.wrap(mp4.clone());
        int matrix = new String(mp4, StandardCharsets.ISO_8859_1).indexOf("tkhd") + 44;
        assertEquals(1 << 16, bytes.getInt(matrix));
        bytes.putInt(matrix, 0).putInt(matrix + 4, 1 << 16).putInt(matrix + 12, -1 << 16).putInt(matrix + 16, 0);
        return bytes.array();
    }

    /** Exif's orientation 6, as a telephone held upright writes it; ffmpeg turns by it, too. */
    @Test
    void aPhotographIsTurnedAsItsFileSays() throws Exception {
        BufferedImage image = new BufferedImage(32, 16, BufferedImage.TYPE_INT_RGB);
        image.createGraphics().fillRect(0, 0, 8, 16);
        ByteArrayOutputStream jpeg = new ByteArrayOutputStream();
        ImageIO.write(image, "jpeg", jpeg);
        byte[] plain = jpeg.toByteArray();
        byte[] exif = {'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0};
        ByteBuffer turned = ByteBuffer.allocate(plain.length + 4 + exif.length);
        turned.put(plain, 0, 2).putShort((short) 0xffe1).putShort((short) (2 + exif.length)).put(exif).put(plain, 2, plain.length - 2);
        Frame as = Video.read(Files.write(folder.resolve("plain.jpg"), plain), 1).get(0);
        Frame upright = Video.read(Files.write(folder.resolve("turned.jpg"), turned.array()), 1).get(0);
        assertEquals("16x32", upright.size());
        assertArrayEquals(as.turned(1).rgb(), upright.rgb());
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
