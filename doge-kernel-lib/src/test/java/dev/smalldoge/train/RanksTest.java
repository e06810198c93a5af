package dev.smalldoge.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.smalldoge.io.Safetensors;
import dev.smalldoge.torch.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real processes that train one model together. */
class RanksTest {
  private static final int STEPS = 20;
  private static final String WEIGHTS = "checkpoint-" + STEPS + "/model.safetensors";

  /**
   * Two ranks add (a + b) + (c + d) where one process adds ((a + c) + b) + d, so the last bits of
   * fp32 sums differ. Seen on the CPU over 20 steps: loss 1.7e-8, gradNorm 1.1e-7, relative.
   */
  private static final double ROUNDING = 1e-6;

  /** GPUs add in an order of their own, which no two runs share. */
  private static final double GPU_ROUNDING = 2e-5;

  @TempDir private Path folder;

  @Test
  void twoRanksEqualOneWithTwiceTheAccumulationAndTheirOwnRepetition() throws Exception {
    train(folder.resolve("one"), 1, false);
    Path two = folder.resolve("two");
    train(two, 2, false);
    assertClose(two, folder.resolve("one"), ROUNDING);

    Path stopped = folder.resolve("stopped");
    await(RanksRun.start(2, false, stopped, STEPS, 10, true));
    List<JsonObject> firstHalf = metrics(stopped);
    assertThat(firstHalf).as("steps until rank 1 was interrupted").hasSize(10);
    assertThat(stopped.resolve("checkpoint-10")).isDirectory();
    Path alone = copy(stopped, folder.resolve("alone"));

    train(stopped, 2, true);
    assertThat(metrics(stopped)).hasSize(STEPS);
    for (int step = 0; step < STEPS; step++) {
      for (String figure : List.of("loss", "gradNorm", "tokensSeen", "learningRate")) {
        assertThat(metrics(stopped).get(step).get(figure))
            .as("%s of step %d", figure, step)
            .isEqualTo(metrics(two).get(step).get(figure));
      }
    }
    assertThat(Files.mismatch(stopped.resolve(WEIGHTS), two.resolve(WEIGHTS))).isEqualTo(-1);

    train(alone, 1, false);
    assertClose(alone, two, ROUNDING);
  }

  /** Trains to the end: alone in this process, or as a world of processes. */
  private void train(Path run, int size, boolean recompute) throws Exception {
    if (size == 1) {
      RanksRun.train(run, STEPS, -1, recompute);
    } else {
      await(RanksRun.start(size, false, run, STEPS, -1, recompute));
    }
  }

  private void await(List<Process> processes) throws Exception {
    try {
      for (Process process : processes) {
        assertThat(process.waitFor(120, TimeUnit.SECONDS)).as("ends in time").isTrue();
        assertThat(process.exitValue()).as("exit code; %s", errors()).isZero();
      }
    } finally {
      processes.forEach(Process::destroyForcibly);
    }
  }

  private String errors() throws IOException {
    StringBuilder text = new StringBuilder();
    try (var files = Files.list(folder)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".err")).toList()) {
        text.append(file.getFileName()).append(": ").append(Files.readString(file));
      }
    }
    return text.toString();
  }

  private static List<JsonObject> metrics(Path run) throws IOException {
    return Files.readAllLines(run.resolve("metrics.jsonl")).stream()
        .map(line -> JsonParser.parseString(line).getAsJsonObject())
        .toList();
  }

  private static void assertClose(Path run, Path expected, double rounding) throws IOException {
    List<JsonObject> found = metrics(run);
    List<JsonObject> wanted = metrics(expected);
    assertThat(found).hasSize(STEPS);
    for (int step = 0; step < STEPS; step++) {
      for (String figure : List.of("loss", "gradNorm")) {
        double value = wanted.get(step).get(figure).getAsDouble();
        assertThat(found.get(step).get(figure).getAsDouble())
            .as("%s of step %d", figure, step)
            .isCloseTo(value, within(rounding * value));
      }
      assertThat(found.get(step).get("tokensSeen")).isEqualTo(wanted.get(step).get("tokensSeen"));
    }
    try (Safetensors one = Safetensors.open(run.resolve(WEIGHTS));
        Safetensors other = Safetensors.open(expected.resolve(WEIGHTS))) {
      for (String name : one.names()) {
        var a = one.floats(name);
        var b = other.floats(name);
        for (int i = 0; i < a.remaining(); i++) {
          // a learning rate of 3e-3 moves a weight by as much; a last bit may turn a tiny one's way
          assertThat(a.get(i)).as(name).isCloseTo(b.get(i), within(1e-4f));
        }
      }
    }
    assertThat(JsonParser.parseString(state(run)))
        .isEqualTo(JsonParser.parseString(state(expected)));
  }

  private static String state(Path run) throws IOException {
    return Files.readString(run.resolve("checkpoint-" + STEPS).resolve("training-state.json"));
  }

  private static Path copy(Path from, Path to) throws IOException {
    try (var all = Files.walk(from)) {
      for (Path path : all.toList()) {
        Files.copy(path, to.resolve(from.relativize(path).toString()));
      }
    }
    return to;
  }

  @Test
  void deadRankEndsTheOtherWithOneSentence() throws Exception {
    Path run = folder.resolve("dead");
    List<Process> ranks = RanksRun.start(2, false, run, 1_000_000, -1, false);
    try {
      Path log = run.resolve("metrics.jsonl");
      for (int i = 0; i < 1200 && (!Files.exists(log) || Files.size(log) == 0); i++) {
        assertThat(ranks.get(0).isAlive()).as("rank 0 trains; %s", errors()).isTrue();
        TimeUnit.MILLISECONDS.sleep(50);
      }
      assertThat(log).as("training began").isNotEmptyFile();
      ranks.get(1).destroyForcibly().waitFor(); // SIGKILL
      assertThat(ranks.get(0).waitFor(15, TimeUnit.SECONDS)).as("rank 0 ends in seconds").isTrue();
      assertThat(ranks.get(0).exitValue()).isEqualTo(1);
      assertThat(Files.readAllLines(RanksRun.errors(run, 0)))
          .singleElement()
          .asString()
          .startsWith("rank 1 ended before the run did, so rank 0 of 2 ends too;");
    } finally {
      ranks.forEach(Process::destroyForcibly);
    }
  }

  /**
   * With two GPUs or more, NCCL in a world of two processes. With one there is no world and no
   * NCCL: a process that was started equals a run in this one.
   */
  @Test
  @Tag("gpu")
  void ranksOnGpusEqualOneProcess() throws Exception {
    int size = Math.min(2, Torch.gpuCount());
    assertThat(size).as("GPUs that can be seen").isPositive();
    RanksRun.train(folder.resolve("one"), STEPS, -1, true);
    Path several = folder.resolve("several");
    await(RanksRun.start(size, true, several, STEPS, -1, true));
    assertClose(several, folder.resolve("one"), GPU_ROUNDING);
  }
}
