package dev.smalldoge.data;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReferenceFormTest {
  private static final Tokenizer TOKENIZER = TestTokenizers.bytes();
  @TempDir Path folder;

  private Corpus corpus(String name, String row, int rows) throws IOException {
    return Corpus.file(
        Files.writeString(folder.resolve(name + ".jsonl"), (row + "\n").repeat(rows)));
  }

  @Test
  void textIsBosWithoutEosAndCut() throws IOException {
    Corpus text = corpus("a", "{\"text\":\"the sea\"}", 1);
    TokenFile whole = text.inReferenceForm(100).tokenize(TOKENIZER).file();
    assertThat(TOKENIZER.decode(whole.document(0))).isEqualTo("<bos>the sea");
    assertThat(whole.masked()).isFalse();
    TokenFile cut = text.inReferenceForm(4).tokenize(TOKENIZER).file();
    assertThat(TOKENIZER.decode(cut.document(0))).isEqualTo("<bos>the");
  }

  @Test
  void rowsWithAPromptGoThroughTheTemplate() throws IOException {
    Corpus rows = corpus("a", "{\"prompt\":\"q\",\"text\":\"a\"}", 1);
    TokenFile whole = rows.inReferenceForm(100).tokenize(TOKENIZER).file();
    assertThat(TOKENIZER.decode(whole.document(0))).isEqualTo("<bos>[user]q<eos>[assistant]a<eos>");
    assertThat(whole.textBytes()).isEqualTo(2);
    TokenFile cut = rows.inReferenceForm(3).tokenize(TOKENIZER).file();
    assertThat(cut.document(0)).isEqualTo(Arrays.copyOf(whole.document(0), 3));
  }

  /** int(train * ratio) + int(test * ratio) rows of each source, as the reference counts. */
  @Test
  void countsAreTheReferences() throws IOException {
    String row = "{\"text\":\"a\"}";
    Tokens tokens =
        Mixture.of(corpus("fineweb-edu", row, 2_100), 0.7)
            .and(corpus("cosmopedia-v2", row, 2_100), 0.2)
            .and(corpus("python-edu", row, 2_100), 0.05)
            .and(corpus("finemath", row, 2_100), 0.05)
            .inReferenceForm(2_048)
            .withDocuments(1_990, 1_000)
            .tokenize(TOKENIZER);
    assertThat(tokens.file().sources())
        .extracting(SourceShare::documents)
        .containsExactly(1_393L + 700, 398L + 200, 99L + 50, 99L + 50);
    assertThat(tokens.split(1_000).heldOut().documents()).isEqualTo(1_000);
  }

  private Corpus numbered(String name) throws IOException {
    StringBuilder rows = new StringBuilder();
    for (int i = 0; i < 100; i++) {
      rows.append("{\"text\":\"").append(name).append(' ').append(i).append("\"}\n");
    }
    return Corpus.file(Files.writeString(folder.resolve(name + ".jsonl"), rows));
  }

  /**
   * The rows of {@code numpy.random.default_rng(233).permutation(120)[:20]} where the first source
   * stands backwards: rows 0 to 83 of fineweb-edu, then 24, 6 and 6 rows of the others.
   */
  @Test
  void theHeldOutRowsAreTheReferences() throws IOException {
    Mixture mixture =
        Mixture.of(numbered("fineweb-edu"), 0.7)
            .and(numbered("cosmopedia-v2"), 0.2)
            .and(numbered("python-edu"), 0.05)
            .and(numbered("finemath"), 0.05)
            .inReferenceForm(2_048)
            .withDocuments(100, 20);
    Path file = folder.resolve("whole.tokens.safetensors");
    mixture.tokenize(TOKENIZER, file);
    Tokens heldOut = Tokens.open(file, TOKENIZER).split(20).heldOut();
    List<String> rows = new ArrayList<>();
    for (long i = 0; i < heldOut.documents(); i++) {
      int[] ids = heldOut.file().document(heldOut.selection().document(i));
      rows.add(TOKENIZER.decode(ids, true));
    }
    List<String> expected = new ArrayList<>();
    for (int row : new int[] {9, 14, 27, 28, 35, 43, 46, 48, 51, 53, 54, 56, 60, 63, 69, 73}) {
      expected.add("fineweb-edu " + row);
    }
    for (int row : new int[] {5, 9, 13, 14}) {
      expected.add("cosmopedia-v2 " + row);
    }
    assertThat(rows).isEqualTo(expected);
  }

  @Test
  void oneThreadAndManyWriteTheSameFile() throws IOException {
    StringBuilder rows = new StringBuilder();
    for (int i = 0; i < 3_000; i++) {
      rows.append("{\"text\":\"row ").append(i).append("\"}\n");
    }
    Corpus corpus = Corpus.file(Files.writeString(folder.resolve("r.jsonl"), rows));
    byte[] expected = null;
    for (int threads : new int[] {1, 2, 5}) {
      Path file = folder.resolve(threads + ".tokens.safetensors");
      Mixture.of(corpus, 1).withThreads(threads).tokenize(TOKENIZER, file);
      byte[] bytes = Files.readAllBytes(file);
      expected = expected == null ? bytes : expected;
      assertThat(bytes).isEqualTo(expected);
    }
  }
}
