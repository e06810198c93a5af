package dev.smalldoge.notebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import com.jerolba.carpet.CarpetWriter;
import dev.smalldoge.data.hub.TestHub;
import dev.smalldoge.tokenizer.SharedFolder;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * The kernel under Debian's Jupyter while it does real work: interrupts during download, training,
 * saving and writing lose nothing, and the dial's larger positions start.
 */
@Tag("jupyter")
class KernelAtWorkTest {
  private static final int PIECE = 16 << 20;
  private static final String CORPUS = "data/train-00000-of-00001.jsonl";

  @TempDir private Path folder;
  private final CountDownLatch end = new CountDownLatch(1);
  private TestHub hub;

  /** A row of a corpus of text. */
  record Row(String text) {}

  @BeforeEach
  void opensAHub() throws IOException {
    hub = new TestHub();
  }

  @AfterEach
  void closesIt() {
    end.countDown();
    hub.close();
  }

  @TestFactory
  Stream<DynamicTest> everyCheck() throws Exception {
    hub.put(
        CORPUS, "{\"text\":\"row\"}\n".repeat(5 * PIECE / 2 / 15).getBytes(StandardCharsets.UTF_8));
    hub.fail(
        3,
        exchange -> {
          if (!exchange.getRequestHeaders().getFirst("Range").startsWith("bytes=0-")) {
            holdBack();
          }
          return false;
        });
    Stream<DynamicTest> tests = drive(null, NotebooksTest.project(folder));
    DynamicTest pieces =
        DynamicTest.dynamicTest(
            "the_first_piece_came_once",
            () ->
                assertThat(hub.ranges)
                    .hasSize(5)
                    .filteredOn(range -> range.startsWith("bytes=0-"))
                    .hasSize(1));
    return Stream.concat(tests, Stream.of(pieces));
  }

  /** The checks of {@link #everyCheck()} in which the JDKs differ, or could lose most. */
  @Tag("jdk25")
  @TestFactory
  Stream<DynamicTest> interruptsLoseNothingOnJdk25() throws Exception {
    return drive(
        JupyterOnJdk25Test.jdk25(),
        NotebooksTest.project(folder),
        "tokens_are_there",
        "an_interrupt_waits_for_the_end_of_a_long_step",
        "a_second_interrupt_forces_a_long_step",
        "an_interrupt_while_saving_tears_no_checkpoint");
  }

  private void holdBack() {
    try {
      end.await(30, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Tag("shared")
  @TestFactory
  Stream<DynamicTest> theFullDialTrains() throws Exception {
    String smollm = "HuggingFaceTB/smollm-corpus";
    for (String subset : List.of("fineweb-edu-dedup", "cosmopedia-v2")) {
      hub.put(smollm, subset + "/train-00000-of-00001.parquet", parquet(subset));
    }
    String finemath = "finemath-4plus/train-00000-of-00001.parquet";
    hub.put("HuggingFaceTB/finemath", finemath, parquet("finemath"));
    Path project = NotebooksTest.project(folder);
    NotebooksTest.copy(
        SharedFolder.path("doge-tokenizer"), project.resolve("datasets/doge-tokenizer"));
    // its texts lie with another host, under their ids; as Download keeps them
    Path python = Files.createDirectories(project.resolve("datasets/python-edu"));
    String rows = "{\"id\":\"a\",\"text\":\"print(1)\"}\n".repeat(500);
    Files.writeString(python.resolve("train-000000-0500.jsonl"), rows);
    return drive(null, project, "the_full_dial_trains");
  }

  private static byte[] parquet(String subset) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (CarpetWriter<Row> writer = new CarpetWriter<>(bytes, Row.class)) {
      for (int i = 0; i < 2_000; i++) {
        writer.write(new Row("Document " + i + " of " + subset + " says little."));
      }
    }
    return bytes.toByteArray();
  }

  /** Those {@code checks}, or the eight of every machine, with the kernel on {@code jdk}. */
  private Stream<DynamicTest> drive(Path jdk, Path project, String... checks) throws Exception {
    List<String> arguments = new ArrayList<>(List.of(project.toString(), hub.uri().toString()));
    arguments.addAll(List.of(checks));
    InstalledKernel kernel = InstalledKernel.in(folder.resolve("jupyter"), "doge-at-work", jdk);
    String[] words = arguments.toArray(String[]::new);
    int count = checks.length == 0 ? 8 : checks.length;
    return JupyterTest.tests(kernel.drive("kernel_work_checks.py", words), count);
  }
}
