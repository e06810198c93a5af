package dev.smalldoge.train;

import dev.smalldoge.config.DogeException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Keeps two trainings, such as a notebook's and a terminal's, from writing into one folder: they
 * would overwrite each other's checkpoints. The system takes the lock back from a process that was
 * killed.
 */
final class RunLock implements AutoCloseable {
  private final Path file;
  private final FileChannel channel;

  private RunLock(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /**
   * Locks {@code folder}, which is there.
   *
   * @throws DogeException if another training holds it
   */
  static RunLock of(Path folder) {
    Path file = folder.resolve("run.lock");
    boolean interrupted = Thread.interrupted(); // a channel closes itself on an interrupted thread
    try {
      FileChannel channel =
          FileChannel.open(
              file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
      if (!locks(channel, folder)) {
        String holder = Files.readString(file).strip();
        channel.close();
        throw new DogeException(
            folder
                + " is being trained by process "
                + holder
                + "; wait for it, interrupt it, or choose another folder");
      }
      channel.truncate(0);
      channel.write(StandardCharsets.UTF_8.encode(String.valueOf(ProcessHandle.current().pid())));
      return new RunLock(file, channel);
    } catch (IOException e) {
      throw new DogeException(
          "Cannot lock the run folder " + folder + " (" + e.getMessage() + "); choose another", e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static boolean locks(FileChannel channel, Path folder) {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false; // held by this very process
    } catch (IOException e) { // some network file systems have no locks; a training there goes on
      System.err.println(
          "the file system of "
              + folder
              + " locks no files ("
              + e.getMessage()
              + "): let no other training into that folder");
      return true;
    }
  }

  @Override
  public void close() {
    try {
      Files.deleteIfExists(file);
      channel.close();
    } catch (IOException e) {
      throw new DogeException("Cannot give back " + file + "; delete it", e);
    }
  }
}
