package dev.smalldoge.notebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every notebook of the project, as it is in the repository, from a clean kernel each, top to
 * bottom, by Debian's nbclient: in a copy of what it needs, one after the other, so that each finds
 * the files of the one before.
 */
class NotebooksTest {
  private static final Path ROOT = Path.of("..");

  @TempDir private Path folder;

  @TestFactory
  Stream<DynamicTest> everyNotebookRuns() throws Exception {
    return run(InstalledKernel.in(folder.resolve("jupyter"), "doge-notebooks", null), folder);
  }

  /** One test for each notebook. */
  static Stream<DynamicTest> run(InstalledKernel kernel, Path folder) throws Exception {
    Path copy = project(folder);
    List<String> arguments = new ArrayList<>();
    notebooks(copy).forEach(notebook -> arguments.add(notebook.toString()));
    List<String> lines = kernel.drive("run_notebooks.py", arguments.toArray(String[]::new));
    return JupyterTest.tests(lines, arguments.size());
  }

  /** A copy of what notebooks need of this project. */
  static Path project(Path folder) throws IOException {
    Path copy = folder.resolve("project");
    for (String part : List.of("notebooks", "recipes", "datasets/shipped")) {
      copy(ROOT.resolve(part), copy.resolve(part));
    }
    return copy;
  }

  @Test
  void thereIsOneNotebookAStageAndTheWalkthrough() throws Exception {
    assertThat(notebooks(ROOT).map(path -> path.getFileName().toString()))
        .containsExactly(
            "01-data.ipynb",
            "02-configure.ipynb",
            "03-pretrain.ipynb",
            "04-use.ipynb",
            "05-fine-tune.ipynb",
            "06-prefer.ipynb",
            "07-chat.ipynb",
            "00-walkthrough.ipynb");
  }

  /** In the order of the stages; the walkthrough last, which then goes on from finished runs. */
  private static Stream<Path> notebooks(Path root) throws IOException {
    try (Stream<Path> files = Files.list(root.resolve("notebooks"))) {
      List<Path> sorted =
          new ArrayList<>(files.filter(f -> f.toString().endsWith(".ipynb")).sorted().toList());
      sorted.add(sorted.remove(0));
      return sorted.stream().map(path -> path.toAbsolutePath().normalize());
    }
  }

  static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Path target = to.resolve(from.relativize(file));
        if (Files.isDirectory(file)) {
          Files.createDirectories(target);
        } else {
          Files.copy(file, target);
        }
      }
    }
  }
}
