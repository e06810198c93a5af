package dev.smalldoge.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.data.TestTokenizers;
import java.io.IOException;
import java.net.URI;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code doge pretrain --processes N}, as a user starts it. */
class ProcessesTest {
  @TempDir private Path folder;

  @BeforeEach
  void shipASmallTokenizerAndText() throws IOException {
    TestTokenizers.bytes().save(folder.resolve("tokenizer"));
    String row = "{\"text\": \"the sea is wide and the sky is high, said the puppy\"}\n";
    Files.writeString(folder.resolve("sea.jsonl"), row.repeat(100));
  }

  private Process start(String... more) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                ProcessHandle.current().info().command().orElse("java"),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx512m",
                "-Djava.awt.headless=true",
                "-cp",
                classPath(),
                Main.class.getName(),
                "pretrain",
                "../recipes/tiny/pretrain.yaml",
                "tokenizer=" + folder.resolve("tokenizer"),
                "data.ratios={\"" + folder.resolve("sea.jsonl") + "\": 1.0}",
                "output_folder=" + folder.resolve("run"),
                "model.vocab_size=" + TestTokenizers.bytes().vocabSize(),
                "max_steps=3",
                "schedule.warmup_steps=1",
                "schedule.decay_steps=1",
                "micro_batch_size=2",
                "sequence_length=32",
                "--device",
                "cpu"));
    command.addAll(List.of(more));
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }

  private static String classPath() {
    if (ProcessesTest.class.getClassLoader() instanceof URLClassLoader loader) {
      return Arrays.stream(loader.getURLs())
          .map(url -> Path.of(URI.create(url.toString())).toString())
          .collect(Collectors.joining(":"));
    }
    return System.getProperty("java.class.path");
  }

  private static String said(Process process) throws IOException {
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  @Test
  void twoProcessesTrainOneModelAndOneOfThemSpeaks() throws Exception {
    Process doge = start("--processes", "2", "gradient_accumulation_steps=2");
    String said = said(doge);
    assertThat(doge.waitFor()).as(said).isZero();
    assertThat(said.lines().filter(l -> l.startsWith("complete after 3 steps"))).hasSize(1);
    assertThat(said.lines().filter(l -> l.startsWith("sample: "))).hasSize(1);
    assertThat(Files.readAllLines(folder.resolve("run/metrics.jsonl")))
        .filteredOn(line -> line.contains("gradNorm"))
        .hasSize(3);
    assertThat(folder.resolve("run/model.safetensors")).isNotEmptyFile();
  }

  @Test
  void accumulationThatCannotBeSharedIsRefusedInOneSentence() throws Exception {
    Process doge =
        start(
            "--processes=2", "micro_batch_size=2", "gradient_accumulation_steps=1", "max_steps=3");
    String said = said(doge);
    assertThat(doge.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(doge.exitValue()).isEqualTo(1);
    assertThat(said.lines().filter(line -> line.contains("cannot be shared by 2 processes; use 2")))
        .as(said)
        .hasSize(1);
  }

  @Test
  void stopReachesAllRanksAndLeavesACheckpoint() throws Exception {
    Process doge =
        start("--processes=2", "gradient_accumulation_steps=2", "max_steps=1000000", "--sample=0");
    Path run = folder.resolve("run");
    Path log = run.resolve("metrics.jsonl");
    for (int i = 0; i < 1200 && (!Files.exists(log) || Files.size(log) == 0); i++) {
      assertThat(doge.isAlive()).as("training goes on").isTrue();
      TimeUnit.MILLISECONDS.sleep(50);
    }
    List<ProcessHandle> ranks = doge.children().toList();
    assertThat(ranks).hasSize(2);
    doge.toHandle().destroy(); // SIGTERM; Process.destroy would close what it says
    assertThat(doge.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(ranks).noneMatch(ProcessHandle::isAlive);
    long steps = Files.readAllLines(log).stream().filter(line -> line.contains("gradNorm")).count();
    assertThat(said(doge)).contains("stopped after %,d steps".formatted(steps));
    assertThat(run.resolve("checkpoint-" + steps + "/training-state.json")).isNotEmptyFile();
  }
}
