package dev.smalldoge.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.generate.ByteTokenizer;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.TestModels;
import dev.smalldoge.model.Weights;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Commands over a model's folder: what they say, and what they say of what cannot be done. */
class ModelCommandsTest {
  private final PrintStream out = System.out;
  private final PrintStream err = System.err;
  private final ByteArrayOutputStream said = new ByteArrayOutputStream();
  private final ByteArrayOutputStream refused = new ByteArrayOutputStream();

  @TempDir private Path folder;

  @BeforeEach
  void makeAModel() {
    ByteTokenizer.in(folder, ByteTokenizer.TEMPLATE);
    ModelConfig config = TestModels.small().withVocabSize(ByteTokenizer.SIZE);
    Weights weights = Weights.initialize(config, TestModels.OPERATIONS, 1);
    try (DogeForCausalLm model = new DogeForCausalLm(config, weights, Precision.FLOAT32)) {
      ModelFiles.save(model, folder);
    }
    System.setOut(new PrintStream(said, true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(refused, true, StandardCharsets.UTF_8));
  }

  @AfterEach
  void speakAgain() {
    System.setOut(out);
    System.setErr(err);
  }

  private void run(int code, String... arguments) {
    said.reset();
    refused.reset();
    assertThat(Main.run(arguments)).as(refused.toString(StandardCharsets.UTF_8)).isEqualTo(code);
  }

  @Test
  void aPromptIsSaidWithItsTextAndNotWhereItIsRefused() {
    run(0, "generate", folder.toString(), "the sea", "--max-new-tokens", "3");
    assertThat(said.toString(StandardCharsets.UTF_8)).startsWith("the sea").endsWith("\n");
    run(1, "generate", folder.toString(), "the sea", "--max-new-tokens", "64");
    assertThat(said.size()).isZero();
    assertThat(refused.toString(StandardCharsets.UTF_8)).startsWith("maxNewTokens 64 after");
  }

  @Test
  void oddNumbersAreTold() throws IOException {
    Path text = Files.writeString(folder.resolve("text.txt"), "the sea");
    run(1, "eval", folder.toString(), "--text", text.toString(), "--limit", "-1");
    assertThat(refused.toString(StandardCharsets.UTF_8)).startsWith("--limit -1 is not positive");
    run(1, "eval", folder.toString(), "--text", text.toString(), "--few-shot", "-1");
    assertThat(refused.toString(StandardCharsets.UTF_8)).startsWith("--few-shot -1 is negative");
  }

  @Test
  void aFileInTheWayOfAFolderIsTold() throws IOException {
    Path file = Files.writeString(folder.resolve("text.txt"), "the sea");
    run(1, "average", folder.toString(), "--to", file.toString());
    assertThat(refused.toString(StandardCharsets.UTF_8)).contains("is a file and no folder");
  }
}
