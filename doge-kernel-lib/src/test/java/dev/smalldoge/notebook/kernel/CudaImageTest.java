package dev.smalldoge.notebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * That the image for CUDA machines, which no test builds, is the one for Binder on another ground:
 * same packages, same build step. {@link BinderTest} runs the steps themselves.
 */
class CudaImageTest {
  private static final Path BINDER = Path.of("..", "binder");

  /** The image's instructions, each in one line. */
  private static List<String> instructions() throws IOException {
    String text = Files.readString(BINDER.resolve("cuda/Dockerfile")).replaceAll("\\\\\\n", " ");
    return text.lines().filter(line -> line.matches("[A-Z]+ .*")).toList();
  }

  /** The Debian packages that the image installs. */
  static List<String> packages() throws IOException {
    Pattern install = Pattern.compile("apt-get install -y --no-install-recommends ([^&]*)&&");
    Matcher matcher = install.matcher(String.join("\n", instructions()));
    assertThat(matcher.find()).as("an apt-get install in binder/cuda/Dockerfile").isTrue();
    return Arrays.asList(matcher.group(1).trim().split("\\s+"));
  }

  @Test
  void itInstallsWhatBinderInstallsAndJupyter() throws IOException {
    assertThat(packages())
        .containsAll(Files.readAllLines(BINDER.resolve("apt.txt")))
        .contains("jupyter-notebook", "jupyter-nbconvert");
  }

  @Test
  void itBuildsAsItsUserByBindersOwnStep() throws IOException {
    List<String> steps = instructions();
    assertThat(steps)
        .containsSubsequence(
            "USER doge", "WORKDIR /doge", "COPY --chown=doge . .", "RUN binder/postBuild");
    assertThat(BINDER.resolve("postBuild")).isExecutable();
    assertThat(steps.get(0)).matches("FROM nvidia/cuda:12\\..*-ubuntu\\d+\\.04");
    // a volume over a folder that is not there would belong to root
    assertThat(steps)
        .containsSubsequence(
            "RUN mkdir -p /doge/runs /home/doge/.djl.ai", "VOLUME /doge/runs /home/doge/.djl.ai");
  }

  @Test
  void whatItLeavesOutIsNotNeededToBuild() throws IOException {
    List<String> leftOut = Files.readAllLines(BINDER.resolve("cuda/Dockerfile.dockerignore"));
    assertThat(leftOut).contains(".git", "**/target", "runs", "datasets/*", "!datasets/shipped");
    assertThat(Path.of("../datasets/shipped/tokenizer/tokenizer.json")).exists();
  }
}
