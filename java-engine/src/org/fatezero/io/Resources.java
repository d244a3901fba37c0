package org.fatezero.io;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Path;

/** Folders that travel in the engine's jar, or beside its classes while it is being built. */
public final class Resources {

    private Resources() {
    }

    /**
     * The file system that holds {@code folder}; null while the classes are a plain folder, whose file system needs no
     * closing.
     */
    public static FileSystem fileSystem(String folder) throws IOException {
        URI uri = uri(folder);
        if (!uri.getScheme().equals("jar")) {
            return null;
        }
        return FileSystems.newFileSystem(jar(uri));
    }

    /** The file of a place in a jar. */
    static Path jar(URI uri) {
        String text = uri.toString();
        return Path.of(URI.create(text.substring("jar:".length(), text.lastIndexOf("!/"))));
    }

    /** {@code folder} in the file system that {@link #fileSystem} gave for it. */
    public static Path path(FileSystem jar, String folder) throws IOException {
        return jar != null ? jar.getPath(folder) : Path.of(uri(folder));
    }

    private static URI uri(String folder) throws IOException {
        URL url = Resources.class.getResource(folder);
        if (url == null) {
            throw new FileNotFoundException("the engine's jar lacks " + folder + "; it is incomplete, build or install it again");
        }
        try {
            return url.toURI();
        } catch (URISyntaxException e) {
            throw new IOException("the engine's jar lies at an unusable place: " + url, e);
        }
    }
}
