package dev.smalldoge.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.ModelConfig;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A run that was stopped, or killed, goes on as if it had not been: bit for bit. */
class ResumeTest {
  private static final int STEPS = 50;

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void stoppedAtHalfEqualsStraight(boolean experts) throws IOException {
    ModelConfig config = experts ? TinyRun.CONFIG.withExperts(16, 2) : TinyRun.CONFIG;
    Map<Long, StepMetrics> straight =
        TinyRun.train(folder.resolve("straight"), STEPS, 0, STEPS, config);
    Path resumed = folder.resolve("resumed");
    Map<Long, StepMetrics> first = TinyRun.train(resumed, STEPS, 0, 25, config);
    assertThat(first.size()).isBetween(25, 26); // figures are read one step late
    Map<Long, StepMetrics> second = TinyRun.train(resumed, STEPS, 0, STEPS, config);
    assertThat(first.size() + second.size()).isEqualTo(STEPS);
    second.forEach(
        (step, metrics) -> {
          assertThat(metrics.loss())
              .as("loss of step %d", step)
              .isEqualTo(straight.get(step).loss());
          assertThat(metrics.gradNorm()).isEqualTo(straight.get(step).gradNorm());
          assertThat(metrics.tokensSeen()).isEqualTo(straight.get(step).tokensSeen());
        });
    assertSameFiles("straight", "resumed");
  }

  @Test
  void killedAtRandomMomentsEqualsStraight() throws Exception {
    long seed = System.nanoTime();
    SplittableRandom random = new SplittableRandom(seed);
    TinyRun.train(folder.resolve("straight"), STEPS, 1, STEPS, TinyRun.CONFIG);
    Path killed = folder.resolve("killed");
    Checkpoints checkpoints = new Checkpoints(killed, 2, p -> {});
    Process first = start(killed);
    first.waitFor(random.nextInt(1_500), TimeUnit.MILLISECONDS); // starting, or its first steps
    first.destroyForcibly().waitFor();
    int kills = 1;
    for (; kills < 5; kills++) {
      Process run = start(killed);
      long before = lastStep(checkpoints);
      while (run.isAlive() && lastStep(checkpoints) < before + 2) {
        run.waitFor(2, TimeUnit.MILLISECONDS); // until the run is under way
      }
      run.waitFor(random.nextInt(40), TimeUnit.MILLISECONDS); // about one to three steps
      if (!run.isAlive()) {
        break;
      }
      run.destroyForcibly().waitFor(); // SIGKILL
    }
    assertThat(kills).as("kills, seed %d, %s", seed, Files.readString(output())).isGreaterThan(2);
    assertThat(start(killed).waitFor()).as("seed %d", seed).isZero();
    assertSameFiles("straight", "killed");
    try (Stream<Path> left = Files.list(killed)) {
      assertThat(left.filter(p -> p.toString().endsWith(".part"))).isEmpty();
    }
  }

  /** That of this JVM; JUnit's console launcher has the tests' in a loader of its own. */
  private static String classPath() {
    if (TinyRun.class.getClassLoader() instanceof URLClassLoader loader) {
      return Stream.of(loader.getURLs())
          .map(url -> Path.of(URI.create(url.toString())).toString())
          .collect(Collectors.joining(File.pathSeparator));
    }
    return System.getProperty("java.class.path");
  }

  private Path output() {
    return folder.resolve("output.txt");
  }

  private static long lastStep(Checkpoints checkpoints) {
    return checkpoints
        .latest()
        .map(p -> Long.parseLong(p.getFileName().toString().replaceAll("\\D", "")))
        .orElse(0L);
  }

  private Process start(Path run) throws IOException {
    return new ProcessBuilder(
            ProcessHandle.current().info().command().orElse("java"),
            "-cp",
            classPath(),
            TinyRun.class.getName(),
            run.toString(),
            String.valueOf(STEPS),
            "1")
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(output().toFile()))
        .start();
  }

  private void assertSameFiles(String one, String other) throws IOException {
    for (String name :
        new String[] {"model.safetensors", "optimizer.safetensors", "training-state.json"}) {
      Path inOne = folder.resolve(one).resolve("checkpoint-" + STEPS).resolve(name);
      Path inOther = folder.resolve(other).resolve("checkpoint-" + STEPS).resolve(name);
      assertThat(Files.mismatch(inOne, inOther)).as(name).isEqualTo(-1);
    }
  }
}
