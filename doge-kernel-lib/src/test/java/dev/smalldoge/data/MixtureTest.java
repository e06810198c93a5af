package dev.smalldoge.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DataMixture;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MixtureTest {
  private static final Tokenizer TOKENIZER = TestTokenizers.bytes();
  @TempDir Path folder;

  /** A corpus whose documents are a0, a1, … */
  private Corpus corpus(String name, int rows) throws IOException {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < rows; i++) {
      text.append("{\"text\":\"").append(name).append(i).append("\"}\n");
    }
    return Corpus.file(Files.writeString(folder.resolve(name + ".jsonl"), text));
  }

  private static List<String> texts(Tokens tokens) {
    List<String> texts = new ArrayList<>();
    Sequences sequences = tokens.pad(16);
    long[] ids = new long[16];
    for (long position = 0; position < sequences.count(); position++) {
      int[] starts = sequences.read(position, LongBuffer.wrap(ids), LongBuffer.allocate(16), 0);
      int[] text = new int[starts[1] - 2];
      for (int i = 0; i < text.length; i++) {
        text[i] = (int) ids[i + 1];
      }
      texts.add(TOKENIZER.decode(text));
    }
    return texts;
  }

  @Test
  void takesTheFirstDocumentsWhereThereAreMore() throws IOException {
    Tokens tokens =
        Mixture.of(corpus("a", 100), 0.75)
            .and(corpus("b", 100), 0.25)
            .withDocuments(8)
            .tokenize(TOKENIZER);
    assertThat(texts(tokens))
        .containsExactlyInAnyOrder("a0", "a1", "a2", "a3", "a4", "a5", "b0", "b1");
  }

  @Test
  void repeatsFromTheBeginningWhereThereAreFewer() throws IOException {
    Tokens tokens =
        Mixture.of(corpus("a", 3), 0.7)
            .and(corpus("b", 100), 0.3)
            .withDocuments(10)
            .tokenize(TOKENIZER);
    assertThat(texts(tokens))
        .containsExactlyInAnyOrder("a0", "a1", "a2", "a0", "a1", "a2", "a0", "b0", "b1", "b2");
    assertThat(tokens.file().documents()).as("each is written once").isEqualTo(6);
    assertThat(tokens.documents()).isEqualTo(10);
    assertThat(tokens.tokens()).isEqualTo(40);
    assertThat(tokens.toString()).contains("7 used an epoch");
  }

  @Test
  void aHeldOutDocumentIsNotTrainedOnElsewhere() throws IOException {
    Tokens tokens = Mixture.of(corpus("a", 6), 1).withDocuments(27).tokenize(TOKENIZER);
    Tokens.Split split = tokens.split(2);
    List<String> heldOut = texts(split.heldOut());
    assertThat(heldOut).hasSize(2).doesNotHaveDuplicates();
    assertThat(texts(split.training())).hasSizeBetween(17, 19).doesNotContainAnyElementsOf(heldOut);
    assertThat(new HashSet<>(texts(split.training()))).hasSize(4);
  }

  @Test
  void withoutACountEveryDocumentIsTakenOnce() throws IOException {
    Tokens tokens = Mixture.of(corpus("a", 3), 0.7).and(corpus("b", 5), 0.3).tokenize(TOKENIZER);
    assertThat(texts(tokens))
        .containsExactlyInAnyOrder("a0", "a1", "a2", "b0", "b1", "b2", "b3", "b4");
  }

  @Test
  void readsWhatARecipeSays() throws IOException {
    corpus("a", 30);
    Path b = folder.resolve("b");
    Files.createDirectories(b);
    Files.writeString(b.resolve("one.txt"), "text");
    Map<String, Double> ratios = Map.of(folder.resolve("a.jsonl").toString(), 0.5, "b", 0.5);
    Tokens tokens =
        Mixture.of(new DataMixture(ratios, 6, 2, true), folder.toString()).tokenize(TOKENIZER);
    assertThat(texts(tokens))
        .containsExactlyInAnyOrder("a0", "a1", "a2", "a3", "text", "text", "text", "text");
  }

  @Test
  void findsTheTestSplitsBesideARecipesCorpora() throws IOException {
    corpus("a", 3);
    corpus("a-test", 2);
    for (String name : List.of("b", "b-test", "org/set/sub-test", "shipped")) {
      Files.createDirectories(folder.resolve(name));
    }
    Files.writeString(folder.resolve("b-test/one.txt"), "held");
    Files.writeString(folder.resolve("org/set/sub-test/one.txt"), "out");
    Files.writeString(folder.resolve("c.txt"), "none");
    Map<String, Double> ratios = new LinkedHashMap<>();
    ratios.put(folder.resolve("a.jsonl").toString(), 0.25);
    ratios.put("b", 0.25);
    ratios.put("org/set:sub", 0.25);
    ratios.put(folder.resolve("c.txt").toString(), 0.25);
    DataMixture data = new DataMixture(ratios, 100, -1, true);
    Tokens tokens = Mixture.testOf(data, folder.toString()).orElseThrow().tokenize(TOKENIZER);
    assertThat(texts(tokens)).containsExactlyInAnyOrder("a-test0", "a-test1", "held", "out");
    DataMixture alone = new DataMixture(Map.of("c", 1.0), 100, -1, true);
    assertThat(Mixture.testOf(alone, folder.toString())).isEmpty();
  }

  @Test
  void badRowsAreCountedOverAllCorpora() throws IOException {
    Path bad =
        Files.writeString(folder.resolve("bad.jsonl"), "{\"text\":null}\n{\"text\":\"c\"}\n");
    Tokens tokens =
        Mixture.of(Corpus.file(bad).skippingBadRows(), 0.5)
            .and(corpus("a", 2), 0.5)
            .withDocuments(2)
            .tokenize(TOKENIZER);
    assertThat(texts(tokens)).containsExactlyInAnyOrder("c", "a0");
    assertThat(tokens.badRows().count()).isEqualTo(1);
  }

  @Test
  void refusesWhatCannotWork() throws IOException {
    Corpus a = corpus("a", 3);
    assertThatThrownBy(() -> Mixture.of(a, 0.5).tokenize(TOKENIZER))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("add up to 0.5");
    assertThatThrownBy(() -> Mixture.of(a, 0)).hasMessageContaining("ratio 0.0");
    assertThatThrownBy(
            () -> Mixture.of(a, 0.9).and(a.withName("b"), 0.1).withDocuments(5).tokenize(TOKENIZER))
        .hasMessageContaining("none of b");
    assertThatThrownBy(() -> Mixture.of(a, 0.5).and(a, 0.5).tokenize(TOKENIZER))
        .hasMessageContaining("\"a\" was written before");
  }
}
