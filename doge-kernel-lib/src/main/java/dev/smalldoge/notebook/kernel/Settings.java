package dev.smalldoge.notebook.kernel;

import dev.smalldoge.config.DogeException;
import io.github.spencerpark.jupyter.kernel.util.GlobFinder;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The environment variables of IJava, so that its users' kernels keep working.
 *
 * @param classPath jars and folders of {@code IJAVA_CLASSPATH}, globs resolved
 * @param compilerOptions javac options of {@code IJAVA_COMPILER_OPTS}
 * @param startupScripts {@code IJAVA_STARTUP_SCRIPTS_PATH}, then {@code IJAVA_STARTUP_SCRIPT}
 * @param timeout longest run of one statement, {@code IJAVA_TIMEOUT}; zero for none
 */
record Settings(
    List<Path> classPath,
    List<String> compilerOptions,
    List<Script> startupScripts,
    Duration timeout) {

  /** A startup script: its name in error messages, and its text. */
  record Script(String name, String source) {}

  static Settings of(Map<String, String> environment) {
    List<String> options = new ArrayList<>(List.of("-proc:none"));
    for (String option : environment.getOrDefault("IJAVA_COMPILER_OPTS", "").split("\\s+", -1)) {
      if (!option.isEmpty()) {
        options.add(option);
      }
    }
    List<Script> scripts = new ArrayList<>();
    for (Path path : paths(environment.getOrDefault("IJAVA_STARTUP_SCRIPTS_PATH", ""))) {
      scripts.add(new Script("startup script " + path.getFileName(), read(path)));
    }
    String script = environment.getOrDefault("IJAVA_STARTUP_SCRIPT", "");
    if (!script.isBlank()) {
      scripts.add(new Script("IJAVA_STARTUP_SCRIPT", script));
    }
    return new Settings(
        paths(environment.getOrDefault("IJAVA_CLASSPATH", "")),
        options,
        scripts,
        timeout(environment.getOrDefault("IJAVA_TIMEOUT", "-1")));
  }

  /** Files that a path list with IJava's simple globs names: {@code *}, {@code ?}, trailing /. */
  static List<Path> paths(String list) {
    List<Path> found = new ArrayList<>();
    for (String glob : list.split(File.pathSeparator, -1)) {
      if (!glob.isBlank()) {
        found.addAll(glob(glob.strip()));
      }
    }
    return found;
  }

  /** Files that one simple glob names; a plain path is itself. */
  static List<Path> glob(String glob) {
    if (glob.indexOf('*') < 0 && glob.indexOf('?') < 0 && !glob.endsWith("/")) {
      return List.of(Path.of(glob));
    }
    try {
      List<Path> found = new ArrayList<>();
      new GlobFinder(glob).computeMatchingPaths().forEach(found::add);
      found.sort(null);
      return found;
    } catch (IOException e) {
      throw new DogeException(
          "No file matches \""
              + glob
              + "\": there is no folder "
              + e.getMessage()
              + "; mend the path",
          e);
    }
  }

  private static String read(Path path) {
    try {
      return Files.readString(path);
    } catch (IOException e) {
      throw new DogeException(
          "Cannot read the startup script " + path + "; mend IJAVA_STARTUP_SCRIPTS_PATH", e);
    }
  }

  private static Duration timeout(String text) {
    String[] words = text.strip().split("\\s+", -1);
    try {
      long amount = Long.parseLong(words[0]);
      TimeUnit unit =
          words.length > 1
              ? TimeUnit.valueOf(words[1].toUpperCase(Locale.ROOT))
              : TimeUnit.MILLISECONDS;
      return amount < 1 ? Duration.ZERO : Duration.of(amount, unit.toChronoUnit());
    } catch (IllegalArgumentException e) {
      throw new DogeException(
          "IJAVA_TIMEOUT \"" + text + "\" is not a duration; write \"30 SECONDS\" or 30000", e);
    }
  }
}
