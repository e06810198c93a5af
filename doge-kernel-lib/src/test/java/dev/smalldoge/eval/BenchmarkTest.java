package dev.smalldoge.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchmarkTest {
  @TempDir Path folder;

  private Path file(String... lines) {
    try {
      return Files.writeString(folder.resolve("rows.jsonl"), String.join("\n", lines) + "\n");
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private Question one(Benchmark benchmark, String line) {
    List<Question> questions = benchmark.read(file(line));
    assertThat(questions).hasSize(1);
    return questions.get(0);
  }

  @Test
  void readsArc() {
    assertThat(
            one(
                Benchmark.ARC,
                "{\"id\":\"1\",\"question\":\"Why?\",\"choices\":{\"text\":[\"x\",\"y\"],"
                    + "\"label\":[\"A\",\"B\"]},\"answerKey\":\"B\"}"))
        .isEqualTo(new Question("Question: Why?\nAnswer:", List.of(" x", " y"), 1));
  }

  @Test
  void readsOpenBookQa() {
    assertThat(
            one(
                Benchmark.OPENBOOK_QA,
                "{\"question_stem\":\"The sun is\",\"choices\":{\"text\":[\"hot\",\"cold\"],"
                    + "\"label\":[\"A\",\"B\"]},\"answerKey\":\"A\"}"))
        .isEqualTo(new Question("The sun is", List.of(" hot", " cold"), 0));
  }

  @Test
  void readsHellaswag() {
    assertThat(
            one(
                Benchmark.HELLASWAG,
                "{\"activity_label\":\"Cooking\",\"ctx_a\":\"A man stirs [step] a pot.\","
                    + "\"ctx_b\":\"he\",\"endings\":[\"eats.\",\"flies. [substeps]\"],"
                    + "\"label\":\"0\"}"))
        .isEqualTo(new Question("Cooking: A man stirs a pot. He", List.of(" eats.", " flies."), 0));
  }

  @Test
  void readsWinogrande() {
    assertThat(
            one(
                Benchmark.WINOGRANDE,
                "{\"sentence\":\"Ann thanked Eve because _ had helped.\",\"option1\":\"Ann\","
                    + "\"option2\":\"Eve\",\"answer\":\"2\"}"))
        .isEqualTo(
            new Question(
                "Ann thanked Eve because", List.of(" Ann had helped.", " Eve had helped."), 1));
  }

  @Test
  void readsPiqa() {
    assertThat(
            one(
                Benchmark.PIQA,
                "{\"goal\":\"Cut bread\",\"sol1\":\"knife\",\"sol2\":\"spoon\",\"label\":0}"))
        .isEqualTo(new Question("Question: Cut bread\nAnswer:", List.of(" knife", " spoon"), 0));
  }

  @Test
  void readsMmlu() {
    assertThat(
            one(
                Benchmark.MMLU,
                "{\"question\":\"1+1?\",\"subject\":\"abstract_algebra\","
                    + "\"choices\":[\"1\",\"2\",\"3\",\"4\"],\"answer\":1}"))
        .isEqualTo(
            new Question(
                "The following are questions about abstract algebra.\nQuestion: 1+1?\nAnswer:",
                List.of(" 1", " 2", " 3", " 4"),
                1));
  }

  @Test
  void putsAnsweredQuestionsBefore() {
    Question answered = new Question("Q: a?\nA:", List.of(" x", " y"), 1);
    assertThat(new Question("Q: b?\nA:", List.of(" x", " y"), 0).after(List.of(answered)).prompt())
        .isEqualTo("Q: a?\nA: y\n\nQ: b?\nA:");
  }

  @Test
  void saysWhichLineDoesNotFit() {
    Path bad = file("{\"goal\":\"g\",\"sol1\":\"a\",\"sol2\":\"b\",\"label\":1}", "{\"goal\":1}");
    assertThatThrownBy(() -> Benchmark.PIQA.read(bad))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("line 2")
        .hasMessageContaining("no \"sol1\"");
    assertThatThrownBy(() -> Benchmark.ARC.read(file("nonsense {")))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("line 1");
    assertThatThrownBy(
            () ->
                Benchmark.ARC.read(
                    file(
                        "{\"question\":\"Why?\",\"choices\":{\"text\":[\"x\",\"y\"],"
                            + "\"label\":[\"A\",\"B\"]},\"answerKey\":\"C\"}")))
        .hasMessageContaining("answerKey \"C\" is none of its labels [A, B]");
    assertThatThrownBy(() -> Benchmark.named("glue")).hasMessageContaining("use [arc, openbook-qa");
  }

  @Test
  void readsTriviaQa() {
    Path rows =
        file(
            "{\"question\":\"Capital of France?\",\"answer\":{\"value\":\"Paris\","
                + "\"aliases\":[\"Paris\",\"City of Light\"]}}");
    assertThat(OpenQuestions.readTriviaQa(rows))
        .containsExactly(
            new OpenQuestions.OpenQuestion(
                "Question: Capital of France?\nAnswer:",
                List.of("Paris", "Paris", "City of Light")));
    assertThat(OpenQuestions.isRight(" The  city of light.", List.of("City of Light"))).isTrue();
    assertThat(OpenQuestions.isRight("Paris, France", List.of("Paris"))).isFalse();
  }
}
