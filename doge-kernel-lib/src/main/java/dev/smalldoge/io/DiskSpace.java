package dev.smalldoge.io;

import java.nio.file.Path;

/** The room that a disk has. */
public final class DiskSpace {
  private DiskSpace() {}

  /**
   * Bytes that this user can still write in {@code folder}, 0 if it is not there.
   *
   * <p>Asks the file system itself. {@code Files.getFileStore} looks for its mount point first,
   * which a process in a chroot does not see, and fails there with "Mount point not found".
   */
  public static long free(Path folder) {
    return folder.toFile().getUsableSpace();
  }
}
