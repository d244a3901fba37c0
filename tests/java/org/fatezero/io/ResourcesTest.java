package org.fatezero.io;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

import java.net.URI;
import java.nio.file.Path;

class ResourcesTest {

    @Test
    void aJarMayLieInAFolderWhoseNameEndsInAnExclamationMark() {
        assertEquals(Path.of("/opt/wow!/engine.jar"), Resources.jar(URI.create("jar:file:/opt/wow!/engine.jar!/pocket")));
    }
}
