package dev.smalldoge.notebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.fail;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * The kernel under Debian's Jupyter: jupyter-client, jupyter-nbconvert, python3-nbclient. Without
 * them these tests fail.
 */
@Tag("jupyter")
class JupyterTest {
  @TempDir private Path folder;

  @Test
  void jupyterListsTheKernel() throws Exception {
    InstalledKernel kernel = InstalledKernel.in(folder, "doge-listed", null);
    assertThat(kernel.run(List.of("jupyter", "kernelspec", "list")))
        .anyMatch(line -> line.contains("doge-listed"));
  }

  @TestFactory
  Stream<DynamicTest> everyCheck() throws Exception {
    return checks(InstalledKernel.in(folder, "doge-checked", null));
  }

  /** One test for each line that the checks print. */
  static Stream<DynamicTest> checks(InstalledKernel kernel) throws Exception {
    return tests(kernel.drive("kernel_checks.py"), 30);
  }

  /** One test for each of at least {@code count} checks or notebooks. */
  static Stream<DynamicTest> tests(List<String> lines, int count) {
    List<String> results = lines.stream().filter(l -> l.matches("(not )?ok .*")).toList();
    assertThat(results).as("checks in %s", lines).hasSizeGreaterThanOrEqualTo(count);
    return results.stream()
        .map(
            line ->
                DynamicTest.dynamicTest(
                    line.replaceFirst("^(not )?ok ([\\w-]+).*", "$2"),
                    () -> {
                      if (line.startsWith("not ok")) {
                        fail(line);
                      }
                    }));
  }
}
