package dev.smalldoge.cli;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.notebook.Preload;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Starts the JDK's own jshell with this library's names, as a notebook's cells have them. */
@Command(name = "jshell", description = "Start JShell with this library preloaded.")
final class JShellCommand implements Callable<Integer> {
  @Option(names = "--jdk", description = "JDK whose jshell it is; by default the one that runs now")
  private Path jdk;

  @Parameters(
      paramLabel = "ARGUMENT",
      arity = "0..*",
      description = "for jshell: scripts, - for standard input, and after -- options of its own")
  private List<String> arguments = List.of();

  @Override
  public Integer call() throws IOException, InterruptedException {
    Path folder = Files.createTempDirectory("doge-jshell");
    try {
      return new ProcessBuilder(Preload.jshell(jdk, Preload.writeScripts(folder), arguments))
          .inheritIO()
          .start()
          .waitFor();
    } catch (IOException e) {
      throw new DogeException("jshell cannot be started (" + e.getMessage() + "); give --jdk", e);
    } finally {
      for (String name : List.of(Preload.JSHELL_SCRIPT, Preload.KERNEL_SCRIPT)) {
        Files.deleteIfExists(folder.resolve(name));
      }
      Files.deleteIfExists(folder);
    }
  }
}
