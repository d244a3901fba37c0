package org.fatezero.io;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Pattern;

/**
 * A folder of the user's in which files are kept for later runs. What is in them shows the user's clip, so they are
 * readable by their owner alone, and so is a folder that is made here. Where there is a limit, those that were not used for longest
 * make room; else none is ever deleted.
 *
 * @param option that names the folder
 * @param limit of all files together, in bytes; 0 for none
 */
public record CacheFolder(String option, Path path, long limit, Log log) {

    /** What files are to be created with. */
    public static final FileAttribute<?> OF_FILES = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    private static final FileAttribute<?> OF_FOLDERS = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
    private static final String DAMAGED = ".damaged";
    /** Its own files, and nobody else's. */
    private static final Pattern OWN = Pattern.compile("[0-9a-f]{64}[.a-z]*\\.safetensors(" + Pattern.quote(DAMAGED) + ")?");

    private record Kept(Path file, long size, FileTime used) {
    }

    /** Reads a kept file. */
    public interface Reader<T> {
        /** @throws IOException if what the file holds is not what was kept */
        T read() throws IOException;
    }

    /** @throws IOException if the folder cannot be made */
    public static CacheFolder open(String option, String folder, long limit, Log log) throws IOException {
        try {
            Path path = UserPath.of(option, folder);
            if (!Files.isDirectory(path)) { // some versions of Java would not take a link to one
                Files.createDirectories(path, OF_FOLDERS);
            }
            return new CacheFolder(option, path, limit, log);
        } catch (IOException e) {
            throw new IOException(option + "=" + folder + ": not a folder, and none can be made there (" + e + ")", e);
        }
    }

    /** @param name SHA-256 in hexadecimal of all that the content depends on, and what kind it is of */
    public Path file(String name) {
        return path.resolve(name + ".safetensors");
    }

    /**
     * What a file holds; null if there is none, or it cannot be used. One whose content is wrong is renamed, for its owner to look at.
     *
     * @param what the file holds, for the log
     * @param otherwise what happens without it, for the log
     */
    public <T> T read(Path file, String what, String otherwise, Reader<T> reader) {
        try {
            T read = reader.read();
            markUsed(file);
            log.log(Log.VERBOSE, what + " read from " + file);
            return read;
        } catch (NoSuchFileException e) {
            return null;
        } catch (FileSystemException e) { // it could not be opened, so it stays: its content may be right
            log.log(Log.WARNING, e + "; " + otherwise);
        } catch (IOException e) {
            log.log(Log.WARNING, e.getMessage() + "; " + setAside(file) + ", and " + otherwise);
        }
        return null;
    }

    private void markUsed(Path file) {
        try {
            Files.setLastModifiedTime(file, FileTime.from(Instant.now()));
        } catch (IOException e) { // of a folder that is only read, or a file that another process has deleted since
            log.log(Log.VERBOSE, "the time of " + file + " stays: " + e);
        }
    }

    private static String setAside(Path file) {
        Path aside = file.resolveSibling(file.getFileName() + DAMAGED);
        try {
            Files.move(file, aside, StandardCopyOption.REPLACE_EXISTING);
            return "it is " + aside.getFileName() + " now";
        } catch (IOException e) {
            return "it cannot be renamed (" + e + ")";
        }
    }

    /** Deletes those files that were used least recently, until the rest is within the limit. Others may do the same meanwhile. */
    public void makeRoom() throws IOException {
        if (limit == 0) {
            return;
        }
        List<Kept> kept = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(path, file -> OWN.matcher(file.getFileName().toString()).matches())) {
            for (Path file : files) {
                try {
                    BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
                    kept.add(new Kept(file, attributes.size(), attributes.lastModifiedTime()));
                } catch (NoSuchFileException e) {
                    continue; // another process has deleted it
                }
            }
        } catch (DirectoryIteratorException e) {
            throw e.getCause();
        }
        kept.sort(Comparator.comparing(Kept::used));
        long total = kept.stream().mapToLong(Kept::size).sum();
        for (Kept oldest : kept) {
            if (total <= limit) {
                break;
            }
            Files.deleteIfExists(oldest.file);
            total -= oldest.size;
            log.log(Log.VERBOSE, option + "=" + path + ": " + oldest.file.getFileName() + " makes room");
        }
    }
}
