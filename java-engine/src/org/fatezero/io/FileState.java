package org.fatezero.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;

/**
 * The state of a file: equal only for the same file, by whichever path, that has not been written to in between.
 *
 * @param identity of the file in its file system, or null where there is none
 */
public record FileState(Path path, Object identity, long size, FileTime modified) {

    /** @throws IOException if there is no such file */
    public static FileState of(Path file) throws IOException {
        BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
        return new FileState(file.toRealPath(), attributes.fileKey(), attributes.size(), attributes.lastModifiedTime());
    }
}
