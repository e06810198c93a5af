package dev.smalldoge.data.hub;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Beside a file, in {@code .NAME.hash}, which hash it was found to have, and its size and time
 * then: hundreds of gigabytes are hashed once, and again when they have been written to.
 */
final class HashNote {
  private final Path file;
  private final Path note;

  HashNote(Path file) {
    this.file = file;
    this.note = file.resolveSibling("." + file.getFileName() + ".hash");
  }

  /** Whether the file has had this hash since it was last written to. */
  boolean says(String hash) throws IOException {
    try {
      return Files.readString(note).equals(text(hash));
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  /**
   * Notes the hash that the file has. Where that cannot be written it is hashed again next time.
   */
  void write(String hash) throws IOException {
    if (Files.isWritable(note.toAbsolutePath().getParent())) {
      Files.writeString(note, text(hash));
    }
  }

  /** The file is to become another. */
  void forget() throws IOException {
    Files.deleteIfExists(note);
  }

  private String text(String hash) throws IOException {
    return String.format(
        "%s %d %s%n", hash, Files.size(file), Files.getLastModifiedTime(file).toInstant());
  }
}
