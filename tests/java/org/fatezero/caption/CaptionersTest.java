package org.fatezero.caption;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.fatezero.Golden;
import org.fatezero.io.Log;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

class CaptionersTest {

    private static final Log NOBODY = (level, message) -> { };

    @Test
    void aModelsOwnCaptionerIsTaken() throws Exception {
        try (Captioner captioner = Captioners.open("auto", "pocket", NOBODY).orElseThrow()) {
            assertTrue(captioner instanceof SceneReader);
        }
    }

    /** As an interrupted download leaves it: its configuration is there, and no more. */
    @Test
    void whatIsBrokenInTheHubCacheIsPassedOverAndTold() throws Exception {
        Path cached = Path.of(System.getenv("HF_HUB_CACHE"), "models--Salesforce--blip-image-captioning-large");
        Path config = cached.resolve("snapshots/0123abc/config.json");
        Path main = cached.resolve("refs/main");
        Files.createDirectories(config.getParent());
        Files.createDirectories(main.getParent());
        try {
            Files.writeString(config, "{\"model_type\": \"blip\", \"vision_config\": {}, \"text_config\": {}}");
            Files.writeString(main, "0123abc");
            List<String> told = new ArrayList<>();
            assertEquals(Optional.empty(), Captioners.open("auto", Golden.TINY.toString(), (level, message) -> told.add(message)));
            assertEquals(1, told.size(), told.toString());
            assertTrue(told.get(0).startsWith("captioner=auto passes over Salesforce/blip-image-captioning-large: "), told.get(0));
            String named = assertThrows(IOException.class,
                    () -> Captioners.open("Salesforce/blip-image-captioning-large", "pocket", NOBODY)).getMessage();
            assertTrue(told.get(0).endsWith(named), named);
        } finally {
            Files.deleteIfExists(main);
            Files.deleteIfExists(config);
        }
    }

    @Test
    void aMissingFileIsSaidToBeOfABlip(@TempDir Path folder) {
        String told = assertThrows(IOException.class, () -> Captioners.open(folder.toString(), "pocket", NOBODY)).getMessage();
        assertTrue(told.contains("config.json") && told.contains("a BLIP model in the transformers layout has it"), told);
    }
}
