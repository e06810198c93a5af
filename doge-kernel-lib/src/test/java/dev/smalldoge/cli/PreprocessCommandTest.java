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

  private CommandRun run(String... more) {
    String[] arguments = new String[more.length + 5];
    arguments[0] = "preprocess";
    arguments[1] = "--tokenizer";
    arguments[2] = TOKENIZER;
    arguments[3] = "--output";
    arguments[4] = folder.resolve("out.tokens.safetensors").toString();
    System.arraycopy(more, 0, arguments, 5, more.length);
    return CommandRun.of(arguments);
  }

  private TokenFile written() {
    return TokenFile.open(folder.resolve("out.tokens.safetensors"));
  }

  @Test
  void oneCorpusNeedsNoRatio() {
    assertThat(run(folder.resolve("a.jsonl").toString()).exits(0).out())
        .contains("out.tokens.safetensors: 2 documents");
    assertThat(written().documents()).isEqualTo(2);
  }

  @Test
  void severalCorporaAreMixed() {
    String a = folder.resolve("a.jsonl") + "=0.5";
    String b = folder.resolve("b.jsonl") + "=0.5";
    assertThat(run(a, b, "--documents", "2").exits(1).err())
        .contains("b.jsonl row 0: column \"text\" is null; mend the row");
    assertThat(run(a, b, "--documents", "2", "--skip-bad-rows").exits(0).out())
        .contains("1 bad rows left out:");
    assertThat(written().sources()).extracting("name").containsExactly("a", "b");
    assertThat(written().documents()).isEqualTo(2);
  }

  @Test
  void theReferenceFormHasNoEos() {
    run(folder.resolve("a.jsonl").toString(), "--form", "reference").exits(0);
    long withoutEos = written().tokens();
    run(folder.resolve("a.jsonl").toString()).exits(0);
    assertThat(written().tokens()).isEqualTo(withoutEos + 2);
  }

  @Test
  void mistakesAreTold() {
    String a = folder.resolve("a.jsonl").toString();
    assertThat(run(a + "=x").exits(1).err()).contains("is no number; write 0.5");
    assertThat(run(a + "=0.5").exits(1).err()).contains("the ratios add up to 0.5, not 1");
    assertThat(run(a, "--form", "poem").exits(1).err()).contains("form \"poem\" is not known");
    assertThat(run("no-such-corpus", "--datasets", folder.toString()).exits(1).err())
        .contains("has no corpus \"no-such-corpus\"");
  }
}
