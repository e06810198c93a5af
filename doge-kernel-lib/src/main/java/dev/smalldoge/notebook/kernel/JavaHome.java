package dev.smalldoge.notebook.kernel;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A JDK on this machine.
 *
 * @param folder its home
 * @param feature its feature version, 17 or more
 */
public record JavaHome(Path folder, int feature) {
  private static final Pattern VERSION = Pattern.compile("JAVA_VERSION=\"(\\d+)[^\"]*\"");

  /** The JDK in {@code folder}, or the running one if null; checks that it has JShell. */
  public static JavaHome of(Path folder) {
    if (folder == null) {
      return new JavaHome(Path.of(System.getProperty("java.home")), Runtime.version().feature());
    }
    Path release = folder.resolve("release");
    check(
        Files.isRegularFile(release) && Files.isExecutable(executable(folder, "java")),
        "%s is not the home of a JDK (it has no bin/java or no file named release); give the folder"
            + " that JAVA_HOME would name",
        folder);
    String text;
    try {
      text = Files.readString(release);
    } catch (IOException e) {
      throw new DogeException("Cannot read " + release + "; give another JDK", e);
    }
    Matcher version = VERSION.matcher(text);
    check(version.find(), "%s does not tell the JDK's version; give another JDK", release);
    int feature = Integer.parseInt(version.group(1));
    check(feature >= 17, "The kernel needs JDK 17 or later, not %d; give another --jdk", feature);
    check(
        !text.contains("MODULES=") || text.contains("jdk.jshell"),
        "%s has no JShell, so it is not a whole JDK; give a JDK instead of a runtime",
        folder);
    return new JavaHome(folder.toAbsolutePath().normalize(), feature);
  }

  /** Its {@code java}. */
  public Path executable() {
    return executable(folder, "java");
  }

  /** Its {@code jshell}. */
  public Path jshell() {
    return executable(folder, "jshell");
  }

  private static Path executable(Path folder, String name) {
    boolean windows = System.getProperty("os.name").startsWith("Windows");
    return folder.resolve("bin").resolve(windows ? name + ".exe" : name);
  }

  /** Flags that keep libraries of this project quiet and headless on this JDK. */
  public List<String> flags() {
    List<String> flags = new ArrayList<>();
    flags.add("-Djava.awt.headless=true");
    if (feature >= 22) {
      flags.add("--enable-native-access=ALL-UNNAMED"); // libtorch comes through JNI
    }
    if (feature >= 23) {
      flags.add("--sun-misc-unsafe-memory-access=allow");
    }
    return flags;
  }
}
