package dev.smalldoge.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CorpusTest {
  private static final Tokenizer TOKENIZER = TestTokenizers.bytes();
  private static final Path DATASETS = Path.of("..", "datasets");
  @TempDir Path folder;

  private Path write(String name, String text) throws IOException {
    return write(name, text.getBytes(StandardCharsets.UTF_8));
  }

  private Path write(String name, byte[] bytes) throws IOException {
    return Files.write(folder.resolve(name), bytes);
  }

  private static byte[] gzip(String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream out = new GZIPOutputStream(bytes)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
    return bytes.toByteArray();
  }

  private static List<String> texts(Corpus corpus) {
    List<String> texts = new ArrayList<>();
    corpus.texts().forEach(texts::add);
    return texts;
  }

  @ParameterizedTest
  @CsvSource({
    "state-of-the-union, 123, 5320110",
    "python-stdlib, 108, 1850537",
    "metamath, 6000, 1080554"
  })
  void shippedCorporaHoldWhatTheirReadmeSays(String name, long rows, long bytes)
      throws IOException {
    Tokens tokens = Corpus.of(name).under(DATASETS).tokenize(TOKENIZER);
    assertThat(tokens.documents()).isEqualTo(rows);
    assertThat(tokens.file().textBytes()).isEqualTo(bytes);
    assertThat(tokens.tokens()).isEqualTo(bytes + 2 * rows); // a byte a token, BOS and EOS
    assertThat(Files.readString(DATASETS.resolve("README.md")))
        .contains(String.format("| %,d | %,d |", rows, bytes));
  }

  @Test
  void documentsBeginWithBosAndEndWithEosOnce() throws IOException {
    Path file = write("a.jsonl", "{\"text\":\"sea\"}\n{\"id\":\"2\",\"text\":\"Größe 😀\"}\n");
    TokenFile tokens = Corpus.file(file).tokenize(TOKENIZER).file();
    assertThat(tokens.document(0)).startsWith(0).endsWith(1).hasSize(5);
    assertThat(TOKENIZER.decode(tokens.document(1))).isEqualTo("<bos>Größe 😀<eos>");
    assertThat(tokens.textBytes())
        .isEqualTo(3 + "Größe 😀".getBytes(StandardCharsets.UTF_8).length);
  }

  @Test
  void manyThreadsKeepTheOrder() throws IOException {
    StringBuilder rows = new StringBuilder();
    for (int i = 0; i < 5_000; i++) {
      rows.append("{\"text\":\"row ").append(i).append("\"}\n");
    }
    TokenFile tokens = Corpus.file(write("a.jsonl", rows.toString())).tokenize(TOKENIZER).file();
    for (int i = 0; i < 5_000; i++) {
      assertThat(TOKENIZER.decode(tokens.document(i))).isEqualTo("<bos>row " + i + "<eos>");
    }
  }

  @Test
  void readsPlainAndCompressedLines() throws IOException {
    String rows = "{\"text\":\"one\"}\r\n\n  \n{\"text\":\"two\",\"more\":[1,{\"a\":null}]}";
    write("a.jsonl", rows);
    write("b.jsonl.gz", gzip(rows));
    assertThat(texts(Corpus.folder(folder))).containsExactly("one", "two", "one", "two");
    assertThat(texts(Corpus.folder(folder).first(3))).containsExactly("one", "two", "one");
  }

  @Test
  void aFolderOfTextsIsACorpus() throws IOException {
    write("b.txt", "second");
    write("a.md", "first");
    write(".hidden.txt", "not read");
    write("picture.png", new byte[] {1, 2});
    assertThat(texts(Corpus.folder(folder))).containsExactly("first", "second");
  }

  @Test
  void otherColumnsAreTakenByName() throws IOException {
    Path file = write("a.jsonl", "{\"content\":\"sea\",\"text\":\"no\"}\n");
    assertThat(texts(Corpus.file(file).withTextColumn("content"))).containsExactly("sea");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"text\":null}            | column \"text\" is null",
        "{\"text\":\"\"}            | column \"text\" is empty",
        "{\"text\":5}               | column \"text\" is a number, not text",
        "{\"text\":[\"a\"]}         | column \"text\" is a list, not text",
        "{\"content\":\"a\"}        | there is no \"text\" among its columns [content]",
        "{\"text\":\"\\ud83d!\"}    | half a surrogate pair at character 0",
        "{\"text\":\"a\"            | it is not one JSON object",
        "{\"text\":\"a\"}{}         | it is not one JSON object",
        "[1]                        | it is not one JSON object",
      })
  void badRowsAreRefusedOrReported(String row, String reason) throws IOException {
    Path file = write("a.jsonl", "{\"text\":\"one\"}\n" + row + "\n{\"text\":\"two\"}\n");
    assertThatThrownBy(() -> Corpus.file(file).tokenize(TOKENIZER))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining(file + " row 1: ")
        .hasMessageContaining(reason);
    Tokens tokens = Corpus.file(file).skippingBadRows().tokenize(TOKENIZER);
    assertThat(tokens.documents()).isEqualTo(2);
    assertThat(tokens.badRows().count()).isEqualTo(1);
    assertThat(tokens.toString()).contains("1 bad rows left out:", "row 1: ", reason);
  }

  @Test
  void bytesThatAreNoUtf8AreABadRow() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.writeBytes(
        "{\"text\":\"\uFFFD is fine\"}\n{\"text\":\"".getBytes(StandardCharsets.UTF_8));
    bytes.writeBytes(new byte[] {(byte) 0xC3, '"', '}', '\n'});
    Path file = write("a.jsonl", bytes.toByteArray());
    assertThatThrownBy(() -> Corpus.file(file).tokenize(TOKENIZER))
        .hasMessageContaining(file + " row 1: its bytes are not UTF-8");
    assertThat(texts(Corpus.file(file).skippingBadRows())).containsExactly("\uFFFD is fine");
    Path text = write("b.txt", new byte[] {'a', (byte) 0xFF});
    assertThatThrownBy(() -> Corpus.file(text).tokenize(TOKENIZER)).hasMessageContaining("UTF-8");
  }

  @Test
  void aRowOfAHundredMegabytesIsABadRowThatNeedsNoMemory() throws IOException {
    Path file = folder.resolve("a.jsonl.gz");
    byte[] letters = new byte[1 << 20];
    Arrays.fill(letters, (byte) 'a');
    try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(file))) {
      out.write("{\"text\":\"".getBytes(StandardCharsets.UTF_8));
      for (int i = 0; i < 100; i++) {
        out.write(letters);
      }
      out.write("\"}\n{\"text\":\"two\"}\n".getBytes(StandardCharsets.UTF_8));
    }
    Tokens tokens = Corpus.file(file).skippingBadRows().tokenize(TOKENIZER);
    assertThat(tokens.documents()).isEqualTo(1);
    assertThat(tokens.badRows().first().get(0))
        .contains(file + " row 0: it is longer than the 33,554,432");
  }

  @Test
  void aTornFileIsRefusedAndNothingIsMade() throws IOException {
    byte[] whole = gzip("{\"text\":\"one\"}\n".repeat(10_000));
    Path file = write("a.jsonl.gz", Arrays.copyOf(whole, whole.length - 20));
    Path target = folder.resolve("out/a.tokens.safetensors");
    assertThatThrownBy(() -> Corpus.file(file).skippingBadRows().tokenize(TOKENIZER, target))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining(file + " is damaged after row");
    assertThat(folder.resolve("out")).isEmptyDirectory();
  }

  @Test
  void namesWhatThereIsWhereACorpusIsMissing() {
    assertThatThrownBy(() -> Corpus.of("state-of-union").under(DATASETS))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("python-stdlib")
        .hasMessageContaining("did you mean \"state-of-the-union\"?");
    assertThatThrownBy(() -> Corpus.file(folder.resolve("no.jsonl")))
        .hasMessageContaining("no file");
    assertThatThrownBy(() -> Corpus.folder(folder)).hasMessageContaining("holds no rows");
  }

  @Test
  void nothingToTokenizeIsRefused() throws IOException {
    Path file = write("a.jsonl", "\n");
    assertThatThrownBy(() -> Corpus.file(file).tokenize(TOKENIZER))
        .hasMessageContaining("a gave no documents");
  }
}
