package dev.smalldoge.notebook.kernel;

import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * The same checks and notebooks with the kernel on JDK 25; {@code -Ddoge.jdk25} names its folder.
 */
@Tag("jdk25")
class JupyterOnJdk25Test {
  @TempDir private Path folder;

  @TestFactory
  Stream<DynamicTest> everyCheck() throws Exception {
    return JupyterTest.checks(InstalledKernel.in(folder, "doge-jdk25", jdk25()));
  }

  @TestFactory
  Stream<DynamicTest> everyNotebookRuns() throws Exception {
    return NotebooksTest.run(
        InstalledKernel.in(folder.resolve("jupyter"), "doge-jdk25", jdk25()), folder);
  }

  static Path jdk25() {
    return Path.of(System.getProperty("doge.jdk25", "/usr/lib/jvm/temurin-25-jdk-amd64"));
  }
}
