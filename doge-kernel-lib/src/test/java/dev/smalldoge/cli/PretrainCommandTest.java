package dev.smalldoge.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.data.TestTokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code doge pretrain} says and leaves when its input is bad. */
class PretrainCommandTest {
  @TempDir private Path folder;

  @BeforeEach
  void shipASmallTokenizer() {
    TestTokenizers.bytes().save(folder.resolve("tokenizer"));
  }

  /** Runs the tiny recipe on corpora of the test's folder; standard error. */
  private String fails(String corpus, String... more) throws IOException {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "pretrain",
                "../recipes/tiny/pretrain.yaml",
                "tokenizer=" + folder.resolve("tokenizer"),
                "data.ratios={\"" + corpus + "\": 1.0}",
                "output_folder=" + folder.resolve("run"),
                "--datasets",
                folder.toString(),
                "--device",
                "cpu"));
    arguments.addAll(List.of(more));
    CommandRun run = CommandRun.of(arguments.toArray(String[]::new)).exits(1);
    assertThat(folder.resolve("run")).doesNotExist();
    String said = run.err().strip();
    assertThat(said.lines()).as(said).hasSize(1);
    return said;
  }

  @Test
  void missingCorpusIsNamedWithThoseThereAre() throws IOException {
    Files.createDirectories(folder.resolve("speeches"));
    assertThat(fails("speaches")).contains("has no corpus \"speaches\"").contains("speeches");
  }

  @Test
  void emptyCorpusIsRefused() throws IOException {
    Path file = Files.writeString(folder.resolve("empty.jsonl"), "");
    assertThat(fails(file.toString())).contains("empty").contains("rows");
  }

  @Test
  void wrongColumnIsNamed() throws IOException {
    Path file = Files.writeString(folder.resolve("other.jsonl"), "{\"content\": \"sea\"}\n");
    assertThat(fails(file.toString())).contains("other.jsonl").contains("text");
  }

  @Test
  void corpusTooShortForItsHeldOutDocumentsIsRefused() throws IOException {
    Path file = Files.writeString(folder.resolve("short.jsonl"), "{\"text\": \"sea\"}\n");
    assertThat(fails(file.toString())).contains("20 of 1 documents cannot be held out");
  }

  @Test
  void missingTokenizerIsNamed() throws IOException {
    Path file = Files.writeString(folder.resolve("short.jsonl"), "{\"text\": \"sea\"}\n");
    assertThat(fails(file.toString(), "tokenizer=" + folder.resolve("none")))
        .contains("none")
        .contains("tokenizer.json");
  }
}
