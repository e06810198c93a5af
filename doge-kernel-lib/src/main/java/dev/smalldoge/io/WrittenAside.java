package dev.smalldoge.io;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * Files that appear whole or not at all: written under {@code name.part} in the same folder, forced
 * to disk, then renamed. Several files appear together, in the order in which they were written.
 *
 * <p>A thread interrupt does not cut a write short: what has begun is finished or fails.
 *
 * <p>Example: {@code try (var aside = new WrittenAside()) { aside.write(file, out -> …);
 * aside.commit(); }}; without {@code commit} the parts are deleted.
 */
public final class WrittenAside implements AutoCloseable {
  private final List<Path> files = new ArrayList<>();

  /** What fills one file. */
  @FunctionalInterface
  public interface Content {
    /** Writes all bytes to {@code out}, which the caller closes. */
    void writeTo(OutputStream out) throws IOException;
  }

  /** Starts with no files. */
  public WrittenAside() {}

  /** Writes one UTF-8 text file, aside and then renamed. */
  public static void text(Path file, String text) {
    one(file, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
  }

  /** Writes one file, aside and then renamed. */
  public static void one(Path file, Content content) {
    try (WrittenAside aside = new WrittenAside()) {
      aside.write(file, content);
      aside.commit();
    }
  }

  /**
   * As {@link #write(Path, Content)}, after checking that the disk has room for {@code bytes}.
   *
   * @throws DogeException if it has not, or the file cannot be written
   */
  public void write(Path file, long bytes, Content content) {
    Path folder = part(file).getParent();
    try {
      Files.createDirectories(folder);
      long free = DiskSpace.free(folder);
      check(
          free >= bytes,
          "%s needs %,d bytes, but the disk has %,d left; nothing was written, free some room or"
              + " choose another folder",
          file,
          bytes,
          free);
    } catch (IOException e) {
      throw refuse(file, e);
    }
    write(file, content);
  }

  /**
   * Writes the part file of {@code file} and forces it to disk; folders are made.
   *
   * @throws DogeException if it cannot be written, with the room left on that disk
   */
  public void write(Path file, Content content) {
    Path part = part(file);
    try {
      Files.createDirectories(part.getParent());
      files.add(file);
      try (FileOutputStream out = new FileOutputStream(part.toFile())) {
        content.writeTo(out);
        out.getFD().sync();
      }
    } catch (IOException e) {
      throw refuse(file, e);
    }
  }

  /** Renames every part to its final name, in order, and forces the folders to disk. */
  public void commit() {
    for (Path file : files) {
      try {
        Files.move(
            part(file), file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        forceFolder(part(file).getParent());
      } catch (IOException e) {
        throw refuse(file, e);
      }
    }
    files.clear();
  }

  /** Deletes the parts that were not committed. */
  @Override
  public void close() {
    for (Path file : files) {
      try {
        Files.deleteIfExists(part(file));
      } catch (IOException e) {
        throw refuse(file, e);
      }
    }
    files.clear();
  }

  private static Path part(Path file) {
    Path absolute = file.toAbsolutePath();
    return absolute.resolveSibling(absolute.getFileName() + ".part");
  }

  /** Makes the rename itself durable; Windows cannot open a folder, and needs none of it. */
  private static void forceFolder(Path folder) throws IOException {
    if (File.separatorChar != '/') {
      return;
    }
    boolean interrupted = false;
    for (boolean done = false; !done; ) {
      interrupted |= Thread.interrupted(); // an interrupt would close the channel
      try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
        channel.force(true);
        done = true;
      } catch (ClosedByInterruptException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static DogeException refuse(Path file, IOException e) {
    boolean inTheWay = e instanceof FileAlreadyExistsException;
    return new DogeException(
        String.format(
            "%s could not be written (%s)%s; nothing under that name was changed, free some room"
                + " or choose another folder",
            file,
            inTheWay ? e.getMessage() + " is a file and no folder" : e.getMessage(),
            room(part(file).getParent())),
        e);
  }

  private static String room(Path folder) {
    // a folder that is missing is what the first reason says
    return Files.isDirectory(folder)
        ? String.format(", the disk has %,d bytes left", DiskSpace.free(folder))
        : "";
  }
}
