package org.fatezero;

import org.fatezero.video.Frame;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/** The small clips of {@code tests/golden/measures.safetensors}. */
public final class Clips {

    public static final int WIDTH = 80;
    public static final int HEIGHT = 45;

    private Clips() {
    }

    /** {@code source} or {@code edited}. */
    public static List<Frame> frames(Golden golden, String name) throws IOException {
        byte[] bytes = golden.bytes(name);
        int size = 3 * WIDTH * HEIGHT;
        return IntStream.range(0, bytes.length / size)
                .mapToObj(i -> new Frame(WIDTH, HEIGHT, Arrays.copyOfRange(bytes, i * size, (i + 1) * size))).toList();
    }

    /** A stored frame {@code i} of one sample a pixel. */
    public static Frame grey(byte[] samples, int i) {
        byte[] rgb = new byte[3 * WIDTH * HEIGHT];
        for (int j = 0; j < rgb.length; j++) {
            rgb[j] = samples[i * WIDTH * HEIGHT + j / 3];
        }
        return new Frame(WIDTH, HEIGHT, rgb);
    }
}
