package org.fatezero.tune;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;

import org.fatezero.Golden;
import org.fatezero.TinyOptions;
import org.fatezero.forward.ForwardContext;
import org.fatezero.tensor.SafeTensors;
import org.fatezero.tensor.Weights;
import org.fatezero.unet.UNet;
import org.fatezero.unet.UNetConfig;
import org.fatezero.video.Frame;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

class TuningTest {

    private static final Tuning.Settings SETTINGS = new Tuning.Settings(Golden.TINY.toString(), "a silver jeep", "cpu", 64, 2, 1e-2,
            "-1+first", "32", "frame", 7);

    @TempDir
    Path folder;

    private static List<Frame> clip(int frames) {
        List<Frame> clip = new ArrayList<>();
        for (int i = 0; i < frames; i++) {
            byte[] rgb = new byte[3 * 48 * 64];
            new Random(i).nextBytes(rgb);
            clip.add(new Frame(64, 48, rgb));
        }
        return clip;
    }

    private static NDArray epsilon(Golden golden, Path model, int frames) throws Exception {
        UNet unet = new UNet(UNetConfig.read(Golden.config(model, "unet")), golden.weights(model, "unet"));
        NDArray z = golden.array("unet.wide.latents");
        return unet.forward(z, 501, golden.array("unet.wide.text").get("0:1"), ForwardContext.plain(frames));
    }

    @Test
    void beginsWithWhatTheModelPredicts() throws Exception {
        TunedModelFolder.create(Golden.TINY, folder.resolve("video"), 3);
        try (Golden golden = new Golden("modules.safetensors")) {
            Golden.assertClose(epsilon(golden, Golden.TINY, 2), epsilon(golden, folder.resolve("video"), 2), 1e-6,
                    "untrained temporal attention");
        }
        assertTrue(Files.readString(folder.resolve("video/unet/config.json")).contains("\"CrossAttnDownBlockPseudo3D\""));
        for (String file : List.of("tokenizer/merges.txt", "vae/config.json", "scheduler/scheduler_config.json", "model_index.json")) {
            assertEquals(-1, Files.mismatch(Golden.TINY.resolve(file), folder.resolve("video").resolve(file)), file);
        }
    }

    @Test
    void changesQueriesAndTemporalAttentionAlone() throws Exception {
        Path out = folder.resolve("out");
        try (Tuning tuning = new Tuning(SETTINGS, clip(3), out, false)) {
            tuning.iterate();
            tuning.iterate();
            tuning.save();
        }
        int changed = 0;
        try (SafeTensors before = new SafeTensors(Weights.find(Golden.TINY.resolve("unet")));
                SafeTensors after = new SafeTensors(Weights.find(out.resolve("unet")))) {
            for (SafeTensors.Entry entry : before.entries().values()) {
                boolean same = before.read(entry).equals(after.read(after.entries().get(entry.name())));
                assertEquals(!entry.name().endsWith("to_q.weight"), same, entry.name());
                changed += same ? 0 : 1;
            }
            assertEquals(32, changed);
            assertEquals(before.entries().size() + 16 * 7, after.entries().size());
        }
        try (Golden golden = new Golden("modules.safetensors")) {
            assertTrue(Golden.relativeError(epsilon(golden, Golden.TINY, 2), epsilon(golden, out, 2)) > 1e-3);
        }
    }

    @Test
    void goesOnAsIfItHadNotStopped() throws Exception {
        try (Tuning whole = new Tuning(SETTINGS, clip(3), folder.resolve("whole"), false);
                Tuning first = new Tuning(SETTINGS, clip(3), folder.resolve("parts"), false)) {
            double loss = 0;
            for (int i = 0; i < 3; i++) {
                loss = whole.iterate();
            }
            whole.save();
            first.iterate();
            first.save();
            try (Tuning second = new Tuning(SETTINGS, clip(3), folder.resolve("parts"), true)) {
                assertEquals(1, second.iterations());
                second.iterate();
                assertEquals(loss, second.iterate());
                second.save();
            }
        }
        assertArrayEquals(Files.readAllBytes(folder.resolve("whole/unet/diffusion_pytorch_model.safetensors")),
                Files.readAllBytes(folder.resolve("parts/unet/diffusion_pytorch_model.safetensors")));
    }

    @Test
    void goesOnOnlyWithTheSameSettings() throws Exception {
        Path out = folder.resolve("out");
        assertThrows(NoSuchFileException.class, () -> new Tuning(SETTINGS, clip(2), out, true));
        new Tuning(SETTINGS, clip(2), out, false).close();
        new Tuning(SETTINGS, clip(2), out, true).close();
        assertThrows(FileAlreadyExistsException.class, () -> new Tuning(SETTINGS, clip(2), out, false));
        IllegalArgumentException other = assertThrows(IllegalArgumentException.class, () -> new Tuning(SETTINGS, clip(3), out, true));
        assertTrue(other.getMessage().startsWith("frames=3: the tuning that "), other.getMessage());
        assertTrue(other.getMessage().contains(" had 2;"), other.getMessage());
    }

    @Test
    void leavesNothingBehindWhenTheModelIsNone() throws Exception {
        Path broken = folder.resolve("broken");
        TunedModelFolder.create(Golden.TINY, broken, 0);
        Files.delete(broken.resolve("vae/config.json"));
        Tuning.Settings settings = new Tuning.Settings(broken.toString(), "a jeep", "cpu", 64, 0, 1e-2, "-1", "32", "frame", 0);
        assertThrows(NoSuchFileException.class, () -> new Tuning(settings, clip(2), folder.resolve("out"), false));
        assertEquals(List.of("broken"), names());
    }

    @Test
    void norWhenItIsNoneThatCanBeCopied() throws Exception {
        Path broken = folder.resolve("broken");
        TinyOptions.copyModel(broken);
        Files.writeString(broken.resolve("unet/config.json"), "{\"block_out_channels\": [");
        Tuning.Settings settings = new Tuning.Settings(broken.toString(), "a jeep", "cpu", 64, 0, 1e-2, "-1", "32", "frame", 0);
        IOException e = assertThrows(IOException.class, () -> new Tuning(settings, clip(2), folder.resolve("out"), false));
        assertTrue(e.getMessage().startsWith(broken.resolve("unet/config.json") + ": not a JSON object"), e.getMessage());
        assertEquals(List.of("broken"), names());
    }

    private List<String> names() throws IOException {
        try (var files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void followsTheLinksOfAModel() throws Exception {
        Path model = folder.resolve("model");
        TinyOptions.copyModel(model);
        Files.move(model.resolve("vae"), folder.resolve("elsewhere"));
        Files.createSymbolicLink(model.resolve("vae"), folder.resolve("elsewhere"));
        TunedModelFolder.create(model, folder.resolve("video"), 0);
        assertEquals(-1, Files.mismatch(Golden.TINY.resolve("vae/config.json"), folder.resolve("video/vae/config.json")));
    }

    @Test
    void noKeysAreEachFrameItself() throws Exception {
        Tuning.Settings settings = new Tuning.Settings(Golden.TINY.toString(), "a jeep", "cpu", 64, 0, 1e-2, " ", "32", "frame", 0);
        try (Tuning tuning = new Tuning(settings, clip(2), folder.resolve("out"), false)) {
            assertTrue(Double.isFinite(tuning.iterate()));
        }
    }

    /** In the tiny model the layers of 16 channels lie below those of full resolution, of 8. */
    @Test
    void keysMayBeSeenByLayersOfSoManyChannels() throws Exception {
        int cells = UNetConfig.read(Golden.config("unet")).cells("16ch", 1, 1, false);
        double ofChannels = firstLoss("16ch");
        assertEquals(firstLoss(Integer.toString(cells)), ofChannels);
        assertNotEquals(firstLoss(Integer.toString(2 * cells)), ofChannels);
    }

    private double firstLoss(String keysAt) throws Exception {
        Tuning.Settings settings = new Tuning.Settings(Golden.TINY.toString(), "a jeep", "cpu", 64, 0, 1e-2, "first", keysAt, "frame", 0);
        try (Tuning tuning = new Tuning(settings, clip(2), folder.resolve(keysAt), false)) {
            return tuning.iterate();
        }
    }

    @Test
    void tellsHowAFileBecomesAFolder() {
        String file = Golden.TINY.resolve("unet/diffusion_pytorch_model.safetensors").toString();
        Tuning.Settings settings = new Tuning.Settings(file, "a jeep", "cpu", 64, 0, 1e-2, "-1", "32", "frame", 0);
        IOException e = assertThrows(IOException.class, () -> new Tuning(settings, clip(2), folder.resolve("out"), false));
        assertTrue(e.getMessage().startsWith("model=" + file + ": a tuning begins with a folder"), e.getMessage());
    }

    @ParameterizedTest
    @CsvSource({"'', 64, 0, 0.1, -1, frame, source", "jeep, -1, 0, 0.1, -1, frame, size", "jeep, 64, 4, 0.1, -1, frame, batch",
        "jeep, 64, 0, 0, -1, frame, learning_rate", "jeep, 64, 0, NaN, -1, frame, learning_rate", "jeep, 64, 0, 0.1, middle, frame, keys",
        "jeep, 64, 0, 0.1, -1, batch, norm", "jeep, 64, 0, 0.1, -1, frame, keys_at"})
    void namesASettingThatCannotBe(String source, int size, int batch, double rate, String keys, String norm, String named) {
        String keysAt = named.equals("keys_at") ? "-1ch" : "32";
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> new Tuning(
                new Tuning.Settings(Golden.TINY.toString(), source, "cpu", size, batch, rate, keys, keysAt, norm, 0),
                clip(3), folder.resolve("out"), false));
        assertTrue(e.getMessage().startsWith(named + "=") || e.getMessage().startsWith(named + ": "), e.getMessage());
        assertFalse(Files.exists(folder.resolve("out")), "nothing is written for a setting that cannot be");
    }
}
