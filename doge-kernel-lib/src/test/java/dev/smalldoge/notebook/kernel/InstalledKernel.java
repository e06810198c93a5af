package dev.smalldoge.notebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.notebook.kernel.KernelInstaller.Options;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The kernel as installed for a Jupyter of its own, and the commands that drive that Jupyter. */
final class InstalledKernel {
  /** Debian's Python, which has Debian's Jupyter packages, unless the property says otherwise. */
  private static final String PYTHON = System.getProperty("doge.python", "/usr/bin/python3");

  private final Path folder;
  private final Path data;
  private final String name;

  private InstalledKernel(Path folder, Path data, String name) {
    this.folder = folder;
    this.data = data;
    this.name = name;
  }

  /** A kernel that is installed already, in the Jupyter data folder {@code data}. */
  static InstalledKernel at(Path folder, Path data, String name) {
    return new InstalledKernel(folder, data, name);
  }

  /** Installs a kernel {@code name} under {@code folder}, on {@code jdk} or the running one. */
  static InstalledKernel in(Path folder, String name, Path jdk) {
    KernelInstaller.install(
        Options.defaults()
            .withName(name, name)
            .withJdk(jdk)
            .withDataFolder(folder.resolve("data"))
            .withClassPath(testClassPath())
            .withHeap("1g")
            // libtorch's threads spin while they wait: on a busy machine the tiny recipe makes 0.4
            // updates a second with that, 5.4 without
            .withVariable("OMP_WAIT_POLICY", "PASSIVE")
            .withArchive(false)); // classes in folders cannot be archived
    return new InstalledKernel(folder, folder.resolve("data"), name);
  }

  /** The class path of this test run, which surefire may hide behind a jar of its own. */
  static List<String> testClassPath() {
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    return Arrays.stream(classPath.split(File.pathSeparator, -1))
        .filter(entry -> !entry.endsWith("test-classes"))
        .toList();
  }

  /** Runs a Python program of the test sources with the kernel's name; returns its lines. */
  List<String> drive(String program, String... arguments) throws Exception {
    Path script = Path.of("src", "test", "python", program).toAbsolutePath();
    List<String> command = new java.util.ArrayList<>(List.of(PYTHON, script.toString(), name));
    command.addAll(List.of(arguments));
    return run(command);
  }

  /** Runs {@code command} with this Jupyter's folders; fails unless it exits with 0. */
  List<String> run(List<String> command) throws IOException, InterruptedException {
    Files.createDirectories(folder);
    Path log = Files.createTempFile(folder, "run", ".log");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile());
    builder
        .environment()
        .putAll(
            Map.of(
                "JUPYTER_DATA_DIR",
                data.toString(),
                "JUPYTER_RUNTIME_DIR",
                folder.resolve("runtime").toString(),
                "JUPYTER_CONFIG_DIR",
                folder.resolve("config").toString(),
                "PYDEVD_DISABLE_FILE_VALIDATION",
                "1",
                "PYTHONDONTWRITEBYTECODE",
                "1",
                "PYTHONUNBUFFERED",
                "1"));
    Process process = builder.start();
    if (!process.waitFor(45, TimeUnit.MINUTES)) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    List<String> lines = Files.readAllLines(log);
    assertThat(process.waitFor())
        .as("exit status of %s, which printed:%n%s", command, String.join("\n", lines))
        .isZero();
    return lines;
  }
}
