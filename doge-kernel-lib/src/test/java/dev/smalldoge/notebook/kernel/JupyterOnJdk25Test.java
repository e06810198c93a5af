package dev.smalldoge.notebook.kernel;

import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** The same checks with the kernel on JDK 25; {@code -Ddoge.jdk25} names its folder. */
@Tag("jdk25")
class JupyterOnJdk25Test {
  @TempDir private Path folder;

  @TestFactory
  Stream<DynamicTest> everyCheck() throws Exception {
    Path jdk = Path.of(System.getProperty("doge.jdk25", "/usr/lib/jvm/temurin-25-jdk-amd64"));
    return JupyterTest.checks(InstalledKernel.in(folder, "doge-jdk25", jdk));
  }
}
