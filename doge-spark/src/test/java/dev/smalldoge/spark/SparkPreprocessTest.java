package dev.smalldoge.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.data.Corpus;
import dev.smalldoge.data.CorpusForm;
import dev.smalldoge.data.Mixture;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SparkPreprocessTest {
  private static final Path TOKENIZER = Path.of("../datasets/shipped/tokenizer");
  private static JavaSparkContext context;
  @TempDir Path folder;

  @BeforeAll
  static void starts() {
    context =
        new JavaSparkContext(
            new SparkConf()
                .setAppName("test")
                .setMaster("local[2]")
                .set("spark.ui.enabled", "false")
                .set("spark.driver.host", "127.0.0.1"));
  }

  @AfterAll
  static void stops() {
    context.close();
  }

  private Corpus corpus(String name, int files, int rows) throws IOException {
    Path own = Files.createDirectories(folder.resolve(name));
    for (int file = 0; file < files; file++) {
      StringBuilder text = new StringBuilder();
      for (int row = 0; row < rows; row++) {
        text.append("{\"prompt\":\"Which row?\",\"text\":\"This is row ")
            .append(row)
            .append(" of ")
            .append(name)
            .append("\"}\n");
      }
      Files.writeString(own.resolve(file + ".jsonl"), file == 1 ? "" : text);
    }
    return Corpus.folder(own);
  }

  @Test
  void writesTheSameFileAsOneMachine() throws IOException {
    Corpus a = corpus("a", 5, 40);
    Corpus b = corpus("b", 3, 30);
    for (String form : new String[] {"text", "conversations", "reference"}) {
      Path here = folder.resolve(form + ".here.safetensors");
      CorpusForm read = new CorpusForm(form, 12, "text", false);
      Mixture.of(read.of(a), 0.6)
          .and(read.of(b), 0.4)
          .withDocuments(300, 10)
          .tokenize(Tokenizer.load(TOKENIZER), here);
      Path there = folder.resolve(form + ".there.safetensors");
      new SparkPreprocess(context, TOKENIZER, read)
          .add(a, 0.6)
          .add(b, 0.4)
          .withDocuments(300, 10)
          .write(there);
      assertThat(there).as(form).hasSameBinaryContentAs(here);
    }
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files.filter(f -> f.toString().endsWith(".parts"))).isEmpty();
    }
  }

  private Corpus files(String... contents) throws IOException {
    Path own = Files.createDirectories(folder.resolve("files"));
    for (int i = 0; i < contents.length; i++) {
      Files.writeString(own.resolve(i + ".jsonl"), contents[i]);
    }
    return Corpus.folder(own);
  }

  private void assertSame(Corpus corpus, CorpusForm form, long documents) throws IOException {
    Path here = folder.resolve("here.safetensors");
    Mixture mixture = Mixture.of(form.of(corpus), 1);
    (documents < 0 ? mixture : mixture.withDocuments(documents))
        .tokenize(Tokenizer.load(TOKENIZER), here);
    Path there = folder.resolve("there.safetensors");
    new SparkPreprocess(context, TOKENIZER, form)
        .add(corpus, 1)
        .withDocuments(documents, 0)
        .write(there);
    assertThat(there).hasSameBinaryContentAs(here);
  }

  @Test
  void aFileOfBadRowsAloneIsLeftOutAsOnOneMachine() throws IOException {
    Corpus corpus = files("{\"text\":\"a\"}\n", "{\"text\":null}\n{}\n", "", "{\"text\":\"b\"}\n");
    assertSame(corpus, new CorpusForm("text", 2_048, "text", true), -1);
  }

  @Test
  void rowsBehindTheLastWantedOneAreNotJudged() throws IOException {
    Corpus corpus =
        files(
            "{\"text\":\"a\"}\n{\"text\":\"b\"}\n",
            "{\"text\":\"c\"}\n{\"text\":null}\n",
            "{\"text\":null}\n");
    assertSame(corpus, CorpusForm.text(), 3);
    assertSame(corpus, CorpusForm.text(), 2);
    SparkPreprocess job = new SparkPreprocess(context, TOKENIZER, CorpusForm.text()).add(corpus, 1);
    Path target = folder.resolve("four.safetensors");
    assertThatThrownBy(() -> job.withDocuments(4, 0).write(target))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("1.jsonl row 1: column \"text\" is null");
    assertThat(target).doesNotExist();
    assertThat(folder.resolve("four.safetensors.parts")).doesNotExist();
  }

  @Test
  void badRowsAreNamedFromATask() throws IOException {
    Path file = folder.resolve("bad.jsonl");
    Files.writeString(file, "{\"text\":\"a\"}\n{\"text\":null}\n");
    SparkPreprocess job =
        new SparkPreprocess(context, TOKENIZER, CorpusForm.text()).add(Corpus.file(file), 1);
    assertThatThrownBy(() -> job.write(folder.resolve("t.safetensors")))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("bad.jsonl row 1: column \"text\" is null");
    CorpusForm skipping = new CorpusForm("text", 2_048, "text", true);
    assertThat(
            new SparkPreprocess(context, TOKENIZER, skipping)
                .add(Corpus.file(file), 1)
                .write(folder.resolve("u.safetensors"))
                .documents())
        .isEqualTo(1);
  }
}
