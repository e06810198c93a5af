package dev.smalldoge.notebook;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.notebook.kernel.JavaHome;
import dev.smalldoge.notebook.kernel.Libraries;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * This library preloaded where another program runs the Java: plain JShell, stock IJava, JJava.
 *
 * <p>All three take a class path and a startup script; {@link #writeScripts} writes the scripts.
 */
public final class Preload {
  /** Name of the script for JShell. */
  public static final String JSHELL_SCRIPT = "doge.jshell";

  /** Name of the script for IJava and JJava. */
  public static final String KERNEL_SCRIPT = "doge-kernel.jshell";

  private Preload() {}

  /**
   * Shows values in the IJava or JJava kernel that runs this code, as our own kernel would. Its
   * startup script calls this; in plain JShell it does nothing.
   */
  public static void install() {
    HostKernel.attach();
  }

  /** Lines for plain JShell, which has no display functions of its own. */
  static List<String> jshellScript() {
    return DefaultImports.jshell();
  }

  /** Lines for IJava and JJava, whose own display, updateDisplay and printf stay what they are. */
  static List<String> kernelScript() {
    List<String> lines = new ArrayList<>(DefaultImports.packages());
    lines.add("import static dev.smalldoge.notebook.Notebook.show;");
    lines.add("dev.smalldoge.notebook.Preload.install();");
    return lines;
  }

  /**
   * Writes {@link #JSHELL_SCRIPT} and {@link #KERNEL_SCRIPT}.
   *
   * @return {@code folder}
   */
  public static Path writeScripts(Path folder) {
    try {
      Files.createDirectories(folder);
      write(folder.resolve(JSHELL_SCRIPT), jshellScript());
      write(folder.resolve(KERNEL_SCRIPT), kernelScript());
      return folder;
    } catch (IOException e) {
      throw new DogeException(
          "Cannot write the startup scripts to " + folder + "; give a folder that is writable", e);
    }
  }

  private static void write(Path file, List<String> lines) throws IOException {
    Path part = file.resolveSibling(file.getFileName() + ".part");
    Files.write(part, lines);
    Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
  }

  /**
   * The command line that starts JShell with this library.
   *
   * @param jdk the JDK whose JShell it is; null for the one that runs now
   * @param scripts the folder of {@link #writeScripts}
   * @param arguments more for JShell, such as a script to run
   */
  public static List<String> jshell(Path jdk, Path scripts, List<String> arguments) {
    JavaHome java = JavaHome.of(jdk);
    List<String> command = new ArrayList<>(List.of(java.jshell().toString()));
    command.add("--class-path");
    command.add(String.join(File.pathSeparator, Libraries.jars(Libraries.classPath())));
    command.add("--startup");
    command.add("DEFAULT");
    command.add("--startup");
    command.add(scripts.resolve(JSHELL_SCRIPT).toString());
    java.flags().forEach(flag -> command.add("-R" + flag));
    command.addAll(arguments);
    return command;
  }

  /**
   * Environment variables that preload this library into a kernel of the IJava family.
   *
   * @param prefix {@code IJAVA} or {@code JJAVA}
   * @param scripts the folder of {@link #writeScripts}
   */
  public static Map<String, String> environment(String prefix, Path scripts) {
    Map<String, String> variables = new LinkedHashMap<>();
    variables.put(
        prefix + "_CLASSPATH",
        String.join(File.pathSeparator, Libraries.jars(Libraries.classPath())));
    variables.put(prefix + "_STARTUP_SCRIPTS_PATH", scripts.resolve(KERNEL_SCRIPT).toString());
    return variables;
  }
}
