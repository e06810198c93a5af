package dev.smalldoge.notebook.kernel;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.GsonBuilder;
import dev.smalldoge.config.DogeException;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Installs the kernel for Jupyter: one {@code kernel.json} in the user's Jupyter data folder, which
 * names a JDK and this library's jars where they are. Needs neither Python nor Jupyter.
 */
public final class KernelInstaller {
  private KernelInstaller() {}

  /**
   * What to install.
   *
   * @param name folder and id of the kernel, in lower case: {@code jupyter --kernel} takes it
   * @param displayName what the notebook's menu shows
   * @param jdk the JDK that runs the kernel, 17 or later; null for the one that runs now
   * @param dataFolder Jupyter's data folder; null for the user's own
   * @param classPath jars and {@code folder/*} entries; null for those of this library
   * @param heap the most Java memory, as {@code -Xmx} takes it; null for the JDK's default
   * @param environment variables that the kernel starts with
   * @param archive whether to make a class-data archive, which shortens the start by about a second
   */
  public record Options(
      String name,
      String displayName,
      Path jdk,
      Path dataFolder,
      List<String> classPath,
      String heap,
      Map<String, String> environment,
      boolean archive) {

    /** Checks the name, which is a folder and a command line argument. */
    public Options {
      check(
          name.matches("[a-z0-9._-]+"),
          "The kernel name \"%s\" has other characters than a-z, 0-9, '.', '_' and '-'; try"
              + " \"doge-java\"",
          name);
      environment = Map.copyOf(environment);
    }

    /** The kernel {@code doge-java} with the JDK that runs now, for the current user. */
    public static Options defaults() {
      // libtorch's threads sleep while they wait: spinning stalls beside any other busy process
      Map<String, String> environment = Map.of("OMP_WAIT_POLICY", "PASSIVE");
      return new Options("doge-java", "Java (Doge)", null, null, null, null, environment, true);
    }

    /** These options under another name. */
    public Options withName(String name, String displayName) {
      return new Options(name, displayName, jdk, dataFolder, classPath, heap, environment, archive);
    }

    /** These options with another JDK, or null for the one that runs now. */
    public Options withJdk(Path jdk) {
      return new Options(name, displayName, jdk, dataFolder, classPath, heap, environment, archive);
    }

    /** These options for another Jupyter data folder. */
    public Options withDataFolder(Path dataFolder) {
      return new Options(name, displayName, jdk, dataFolder, classPath, heap, environment, archive);
    }

    /** These options with other jars. */
    public Options withClassPath(List<String> classPath) {
      return new Options(name, displayName, jdk, dataFolder, classPath, heap, environment, archive);
    }

    /** These options with another limit of Java memory, such as {@code 8g}. */
    public Options withHeap(String heap) {
      return new Options(name, displayName, jdk, dataFolder, classPath, heap, environment, archive);
    }

    /** These options with one more variable that the kernel starts with. */
    public Options withVariable(String variable, String value) {
      Map<String, String> more = new LinkedHashMap<>(environment);
      more.put(variable, value);
      return new Options(name, displayName, jdk, dataFolder, classPath, heap, more, archive);
    }

    /** These options with or without a class-data archive. */
    public Options withArchive(boolean archive) {
      return new Options(name, displayName, jdk, dataFolder, classPath, heap, environment, archive);
    }
  }

  /**
   * Writes the kernel.
   *
   * @return the kernel's folder
   * @throws DogeException if the JDK is not one of 17 or later, or the folder cannot be written
   */
  public static Path install(Options options) {
    JavaHome java = JavaHome.of(options.jdk());
    Path dataFolder = options.dataFolder() == null ? dataFolder() : options.dataFolder();
    Path folder = dataFolder.resolve("kernels").resolve(options.name()).toAbsolutePath();
    List<String> classPath =
        options.classPath() == null ? Libraries.classPath() : options.classPath();
    List<String> command = new ArrayList<>();
    command.add(java.executable().toString());
    command.addAll(java.flags());
    command.add(
        "-XX:ErrorFile="
            + Path.of(System.getProperty("java.io.tmpdir"), PreviousKernel.CRASH_REPORT));
    if (options.heap() != null) {
      command.add("-Xmx" + options.heap());
    }
    try {
      Files.createDirectories(folder);
      if (options.archive()) {
        command.addAll(ClassArchive.make(folder, command, classPath));
      }
      command.addAll(
          List.of(
              "-cp",
              String.join(File.pathSeparator, classPath),
              Main.class.getName(),
              "{connection_file}"));
      write(folder.resolve("kernel.json"), spec(options, command));
    } catch (IOException e) {
      throw new DogeException(
          "Cannot write the kernel to "
              + folder
              + " ("
              + e.getMessage()
              + "); make the folder writable, or set JUPYTER_DATA_DIR to another one",
          e);
    }
    return folder;
  }

  private static String spec(Options options, List<String> command) {
    Map<String, Object> spec = new LinkedHashMap<>();
    spec.put("argv", command);
    spec.put("display_name", options.displayName());
    spec.put("language", "java");
    spec.put("interrupt_mode", "message");
    spec.put("env", options.environment());
    return new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create().toJson(spec) + "\n";
  }

  private static void write(Path file, String text) throws IOException {
    Path part = file.resolveSibling(file.getFileName() + ".part");
    Files.writeString(part, text);
    Files.move(part, file, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
  }

  /** Jupyter's data folder of this user, by Jupyter's own rules. */
  static Path dataFolder() {
    return dataFolder(
        System.getenv(), System.getProperty("os.name"), System.getProperty("user.home"));
  }

  static Path dataFolder(Map<String, String> environment, String system, String userHome) {
    String home = environment.getOrDefault("HOME", userHome);
    if (!environment.getOrDefault("JUPYTER_DATA_DIR", "").isBlank()) {
      return Path.of(environment.get("JUPYTER_DATA_DIR"));
    }
    String name = system.toLowerCase(Locale.ROOT);
    if (name.contains("mac")) {
      return Path.of(home, "Library", "Jupyter");
    }
    if (name.contains("win")) {
      String appData = environment.getOrDefault("APPDATA", "");
      return appData.isBlank() ? Path.of(home, ".jupyter", "data") : Path.of(appData, "jupyter");
    }
    String xdg = environment.getOrDefault("XDG_DATA_HOME", "");
    return xdg.isBlank() ? Path.of(home, ".local", "share", "jupyter") : Path.of(xdg, "jupyter");
  }
}
