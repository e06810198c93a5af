package dev.smalldoge.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConcatenateTest {
  private static final Tokenizer TOKENIZER = TestTokenizers.bytes();
  @TempDir Path folder;

  private Corpus corpus(String name, int files, int rows) throws IOException {
    Path own = Files.createDirectories(folder.resolve(name));
    for (int file = 0; file < files; file++) {
      StringBuilder text = new StringBuilder();
      for (int row = 0; row < rows; row++) {
        text.append("{\"prompt\":\"q\",\"text\":\"")
            .append(name + file + "ü" + row)
            .append("\"}\n");
      }
      Files.writeString(own.resolve(file + ".jsonl"), text);
    }
    return Corpus.folder(own);
  }

  private Map<String, List<Path>> parts(Corpus... corpora) {
    Map<String, List<Path>> parts = new LinkedHashMap<>();
    for (Corpus corpus : corpora) {
      List<Path> ofThis = new ArrayList<>();
      for (Path file : corpus.files()) {
        Path part = folder.resolve(corpus.name() + ofThis.size() + TokenFile.ENDING);
        corpus.only(file).tokenize(TOKENIZER, part);
        ofThis.add(part);
      }
      parts.put(corpus.name(), ofThis);
    }
    return parts;
  }

  @ParameterizedTest
  @ValueSource(longs = {4, 9, 40, 1_000})
  void partsBecomeTheSameFile(long documents) throws IOException {
    Corpus a = corpus("a", 3, 5).asConversations();
    Corpus b = corpus("b", 2, 4);
    Mixture mixture = Mixture.of(a, 0.6).and(b, 0.4).withDocuments(documents, 5);
    Path whole = folder.resolve("whole" + TokenFile.ENDING);
    mixture.tokenize(TOKENIZER, whole);
    Path joined = folder.resolve("joined" + TokenFile.ENDING);
    mixture.concatenate(TOKENIZER, joined, parts(a, b));
    assertThat(joined).hasSameBinaryContentAs(whole);
  }

  @Test
  void refusesMissingAndForeignParts() throws IOException {
    Corpus a = corpus("a", 1, 2);
    Mixture mixture = Mixture.of(a, 1);
    Path target = folder.resolve("t" + TokenFile.ENDING);
    assertThatThrownBy(() -> mixture.concatenate(TOKENIZER, target, Map.of()))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("a has no parts");
    assertThatThrownBy(() -> mixture.concatenate(TOKENIZER, target, Map.of("a", List.of())))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("a gave no documents");
    Map<String, List<Path>> parts = parts(a);
    assertThatThrownBy(() -> mixture.concatenate(TestTokenizers.bytes(3), target, parts))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("was made with tokenizer");
    assertThat(target).doesNotExist();
  }
}
