package org.fatezero.filter;

import java.lang.reflect.RecordComponent;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.fatezero.Damage;
import org.fatezero.options.Options;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import static org.fatezero.filter.Ffmpeg.STUB;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * Whatever stands behind fatezero=, ffmpeg gives the frames, or says what is wrong with it.
 * {@code -Dcases=500 -Dseed=2} tries more and others.
 */
@Tag("filter")
class RandomOptionsTest {
    private static final int CASES = Integer.getInteger("cases", 15);
    private static final int FRAMES = 3;
    private static final int SIGNALLED = 128; // added to a signal's number, of which there are 64
    private static final List<String> VALUES = List.of("1", "2", "0.5", "1|2", "jeep", "a jeep, red", "watercolor", "mid", "first+mid",
        "auto", "keep", "640ch", "compare", "attention=jeep", "pass", "'a:b'", "'un", "\\\\", "\\'", "%{pts}", "[a]", ";", "=", "🎨", "",
        "a".repeat(5000));

    @Test
    void theyAreTakenOrRefused() {
        Random random = new Random(Integer.getInteger("seed", 1));
        Damage damage = new Damage(random);
        List<String> names = new ArrayList<>(Arrays.stream(Options.class.getRecordComponents()).map(RecordComponent::getName).toList());
        names.addAll(List.of("cut", "mix", "on_error", "enable", "none", ""));
        int refused = 0;
        for (int i = 0; i < CASES; i++) {
            List<String> set = new ArrayList<>();
            for (int j = random.nextInt(4); j >= 0; j--) {
                String one = names.get(random.nextInt(names.size())) + "=" + VALUES.get(random.nextInt(VALUES.size()));
                byte[] bytes = one.getBytes(StandardCharsets.UTF_8);
                set.add(random.nextBoolean() ? one : new String(damage.to(bytes), StandardCharsets.UTF_8).replace("\0", ""));
            }
            String filter = "fatezero=" + String.join(":", set);
            List<String> frames = new ArrayList<>();
            Ffmpeg.Result result = STUB.run("-v warning -f lavfi -i testsrc2=s=16x16:r=25 -frames:v " + FRAMES + " -vf", filter,
                "-fps_mode", "passthrough", "-f", "framemd5", "-");
            result.lines().stream().filter(line -> !line.startsWith("#")).forEach(frames::add);
            if (result.status() == 0) {
                assertEquals(FRAMES, frames.size(), () -> filter + "\n" + result.tail());
            } else {
                refused++;
                // a newer ffmpeg's own statuses lie above 190
                assertFalse(result.status() > SIGNALLED && result.status() <= SIGNALLED + 31,
                    () -> filter + " ends by a signal\n" + result.tail());
                assertFalse(result.log().isBlank(), () -> filter + " is refused without a word");
            }
        }
        assertTrue(refused > 0 && refused < CASES, refused + " of " + CASES + " refused");
    }
}
