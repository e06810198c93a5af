package dev.smalldoge.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.data.TokenFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PreprocessCommandTest {
  private static final String TOKENIZER = "../datasets/shipped/tokenizer";
  @TempDir Path folder;

  @BeforeEach
  void writesCorpora() throws IOException {
    Files.writeString(folder.resolve("a.jsonl"), "{\"text\":\"one\"}\n{\"text\":\"two\"}\n");
    Files.writeString(folder.resolve("b.jsonl"), "{\"text\":null}\n{\"text\":\"three\"}\n");
  }

  private int run(String... more) {
    String[] arguments = new String[more.length + 5];
    arguments[0] = "preprocess";
    arguments[1] = "--tokenizer";
    arguments[2] = TOKENIZER;
    arguments[3] = "--output";
    arguments[4] = folder.resolve("out.tokens.safetensors").toString();
    System.arraycopy(more, 0, arguments, 5, more.length);
    return Main.run(arguments);
  }

  private TokenFile written() {
    return TokenFile.open(folder.resolve("out.tokens.safetensors"));
  }

  @Test
  void oneCorpusNeedsNoRatio() {
    assertThat(run(folder.resolve("a.jsonl").toString())).isZero();
    assertThat(written().documents()).isEqualTo(2);
  }

  @Test
  void severalCorporaAreMixed() {
    String a = folder.resolve("a.jsonl") + "=0.5";
    String b = folder.resolve("b.jsonl") + "=0.5";
    assertThat(run(a, b, "--documents", "2")).as("a bad row is refused").isEqualTo(1);
    assertThat(run(a, b, "--documents", "2", "--skip-bad-rows")).isZero();
    assertThat(written().sources()).extracting("name").containsExactly("a", "b");
    assertThat(written().documents()).isEqualTo(2);
  }

  @Test
  void theReferenceFormHasNoEos() {
    assertThat(run(folder.resolve("a.jsonl").toString(), "--form", "reference")).isZero();
    long withoutEos = written().tokens();
    assertThat(run(folder.resolve("a.jsonl").toString())).isZero();
    assertThat(written().tokens()).isEqualTo(withoutEos + 2);
  }

  @Test
  void mistakesAreTold() {
    assertThat(run(folder.resolve("a.jsonl") + "=x")).isEqualTo(1);
    assertThat(run(folder.resolve("a.jsonl") + "=0.5")).isEqualTo(1);
    assertThat(run(folder.resolve("a.jsonl").toString(), "--form", "poem")).isEqualTo(1);
    assertThat(run("no-such-corpus", "--datasets", folder.toString())).isEqualTo(1);
  }
}
