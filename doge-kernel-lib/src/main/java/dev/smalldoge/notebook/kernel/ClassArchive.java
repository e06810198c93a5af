package dev.smalldoge.notebook.kernel;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A class-data archive: the JVM maps the kernel's classes from it instead of parsing them again.
 *
 * <p>A JVM or a class path other than those it was made with ignores it, without harm.
 */
final class ClassArchive {
  private static final int SECONDS = 120;

  private ClassArchive() {}

  /**
   * Runs {@code command} on {@code classPath} once and keeps its classes in {@code folder}.
   *
   * @return the flags that use the archive; none if it could not be made, which is told
   */
  static List<String> make(Path folder, List<String> command, List<String> classPath)
      throws IOException {
    Path archive = folder.resolve("kernel.jsa");
    Path part = folder.resolve("kernel.jsa.part");
    List<String> rehearsal = new ArrayList<>(command);
    rehearsal.addAll(
        List.of(
            "-XX:ArchiveClassesAtExit=" + part,
            "-Xlog:cds=off",
            "-Xlog:cds+dynamic=off",
            "-cp",
            String.join(File.pathSeparator, classPath),
            Rehearsal.class.getName()));
    Path log = folder.resolve("archive.log");
    Process process =
        new ProcessBuilder(rehearsal)
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    try {
      boolean ended = process.waitFor(SECONDS, TimeUnit.SECONDS);
      if (!ended) {
        process.destroyForcibly();
      }
      if (!ended || process.exitValue() != 0 || !Files.isRegularFile(part)) {
        Files.deleteIfExists(part);
        Files.deleteIfExists(archive);
        System.err.println(
            "The kernel is installed without a class-data archive, so it starts a second slower;"
                + " the reason is in "
                + log);
        return List.of();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
      return List.of();
    }
    Files.deleteIfExists(log);
    Files.move(part, archive, StandardCopyOption.REPLACE_EXISTING);
    return List.of("-XX:SharedArchiveFile=" + archive, "-Xshare:auto", "-Xlog:cds=off");
  }
}
