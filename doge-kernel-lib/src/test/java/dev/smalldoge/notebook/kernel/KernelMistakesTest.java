package dev.smalldoge.notebook.kernel;

import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a newcomer mistypes, typed into the kernel under Debian's Jupyter: each mistake is answered
 * by one sentence without other people's stack frames, and no kernel dies of one.
 */
@Tag("jupyter")
class KernelMistakesTest {
  @TempDir private Path folder;

  @TestFactory
  Stream<DynamicTest> everyMistake() throws Exception {
    Path project = NotebooksTest.project(folder); // recipes and corpora are looked up in it
    InstalledKernel kernel = InstalledKernel.in(project, "doge-mistakes", null);
    return JupyterTest.tests(kernel.drive("kernel_mistakes.py"), 43);
  }
}
