package org.fatezero;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;

/** What may happen to a file. */
public record Damage(Random random) {

    private static final String[] ODD = {"0", "-1", "1", "7", "1e9", "2147483648", "9223372036854775808", "1e999", "NaN", "null", "true",
        "\"x\"", "[]", "{}", "[[[[[[[[", "\"\"", "\u0000", "\ud83c\udfa8", ",", ":", "=", "|", "+", "/", "$", "..", "\n", " ", "{{", "0.5",
        "\t", "*a", "&a", "!!x", "- "};

    /** One to three places of a file changed, more often near its start, where the headers are. */
    public byte[] to(byte[] whole) {
        byte[] bytes = whole.clone();
        for (int i = random.nextInt(3); i >= 0; i--) {
            int at = random.nextInt(Math.max(1, random.nextBoolean() ? bytes.length : Math.min(bytes.length, 3000)));
            switch (random.nextInt(6)) {
                case 0 -> {
                    if (at < bytes.length) {
                        bytes[at] ^= (byte) (1 << random.nextInt(8));
                    }
                }
                case 1 -> bytes = Arrays.copyOf(bytes, at);
                case 2 -> bytes = spliced(bytes, at, Math.min(bytes.length, at + 1 + random.nextInt(40)), new byte[0]);
                case 3 -> {
                    int end = Math.min(bytes.length, at + 1 + random.nextInt(40));
                    bytes = spliced(bytes, at, at, Arrays.copyOfRange(bytes, at, end));
                }
                default -> bytes = withOddValue(bytes, at);
            }
        }
        return bytes;
    }

    /** The next number or word from here on becomes something else. */
    private byte[] withOddValue(byte[] bytes, int at) {
        int from = at;
        while (from < bytes.length && !Character.isLetterOrDigit(bytes[from])) {
            from++;
        }
        int to = from;
        while (to < bytes.length && to < from + 30 && (Character.isLetterOrDigit(bytes[to]) || bytes[to] == '.')) {
            to++;
        }
        return spliced(bytes, from, to, ODD[random.nextInt(ODD.length)].getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] spliced(byte[] bytes, int from, int to, byte[] middle) {
        ByteBuffer result = ByteBuffer.allocate(from + middle.length + bytes.length - to);
        return result.put(bytes, 0, from).put(middle).put(bytes, to, bytes.length - to).array();
    }
}
