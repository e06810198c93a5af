package dev.smalldoge.notebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What repo2docker would do, without Docker: the packages exist, and postBuild works on a clean
 * checkout in a clean home. Maven keeps this machine's local repository.
 */
@Tag("binder")
class BinderTest {
  private static final Set<String> LEFT_OUT = Set.of("target", ".git", "runs", "datasets");

  @TempDir private Path folder;

  @Test
  void packagesAreKnown() throws Exception {
    for (String name : Files.readAllLines(Path.of("..", "binder", "apt.txt"))) {
      assertThat(run(folder, List.of("apt-cache", "show", name))).as(name).contains("Package: ");
    }
  }

  @Test
  void thePackagesOfTheImageCanBeInstalledTogether() throws Exception {
    // the image is Ubuntu's; its names are Debian's, whose archive is at hand here
    List<String> command = new ArrayList<>(List.of("apt-get", "install", "--simulate", "-y"));
    command.add("--no-install-recommends");
    command.addAll(CudaImageTest.packages());
    assertThat(run(folder, command)).doesNotContain("Unable to locate");
  }

  @Test
  void postBuildInstallsAKernelThatRuns() throws Exception {
    Path checkout = folder.resolve("checkout");
    copy(Path.of("..").toAbsolutePath().normalize(), checkout);
    run(checkout, List.of("binder/postBuild"));
    Path data = folder.resolve(".local/share/jupyter");
    assertThat(data.resolve("kernels/doge-java/kernel.json")).exists();
    assertThat(data.resolve("kernels/doge-java/kernel.jsa")).exists();
    InstalledKernel kernel = InstalledKernel.at(folder, data, "doge-java");
    assertThat(kernel.drive("one_cell.py", "ModelConfig.tiny().hiddenSize()")).contains("128");
  }

  private String run(Path where, List<String> command) throws Exception {
    Path log = Files.createTempFile(folder, "run", ".log");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(where.toFile())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile());
    builder.environment().put("HOME", folder.toString());
    builder.environment().keySet().removeIf(name -> name.matches("JUPYTER_DATA_DIR|XDG_DATA_HOME"));
    Process process = builder.start();
    boolean ended = process.waitFor(10, TimeUnit.MINUTES);
    assertThat(ended && process.exitValue() == 0).as(Files.readString(log)).isTrue();
    return Files.readString(log);
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.walkFileTree(
        from,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path dir, BasicFileAttributes a)
              throws IOException {
            if (LEFT_OUT.contains(dir.getFileName().toString())
                && !dir.toString().contains("src")) {
              return FileVisitResult.SKIP_SUBTREE;
            }
            Files.createDirectories(to.resolve(from.relativize(dir)));
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes a) throws IOException {
            if (Files.isRegularFile(file) && !file.endsWith(".git")) {
              Files.copy(file, to.resolve(from.relativize(file)));
            }
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
