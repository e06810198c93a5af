package dev.smalldoge.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.generate.ByteTokenizer;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.model.TestModels;
import dev.smalldoge.torch.TensorScope;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Scores against log-probabilities that are summed here from the model's logits. */
class ScoresTest {
  /** fp32 sums of about fifty log-probabilities in another order. */
  private static final double TOLERANCE = 1e-3;

  private static LanguageModel model;

  @BeforeAll
  static void open(@TempDir Path folder) {
    model =
        new LanguageModel(
            TestModels.model(
                TestModels.small()
                    .withVocabSize(ByteTokenizer.SIZE)
                    .with(e -> e.maxPositionEmbeddings = 64),
                4),
            ByteTokenizer.in(folder, ByteTokenizer.TEMPLATE));
  }

  @AfterAll
  static void close() {
    model.close();
  }

  /** BOS and the bytes of a text. */
  private static long[] ids(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    long[] ids = new long[bytes.length + 1];
    for (int i = 0; i < bytes.length; i++) {
      ids[i + 1] = 4L + (bytes[i] & 0xFF);
    }
    return ids;
  }

  /** Nats of the bytes from {@code from} on, after BOS. */
  private static double nats(String text, int from) {
    return nats(ids(text), from + 1);
  }

  /** Nats of the ids from {@code from} on. */
  private static double nats(long[] ids, int from) {
    double sum = 0;
    try (TensorScope scope = new TensorScope()) {
      ModelInput input = ModelInput.of(TestModels.OPERATIONS, new long[][] {ids});
      float[] logits = model.model().logits(input).toFloats();
      for (int t = from; t < ids.length; t++) {
        int row = (t - 1) * ByteTokenizer.SIZE;
        double all = 0;
        for (int v = 0; v < ByteTokenizer.SIZE; v++) {
          all += Math.exp(logits[row + v]);
        }
        sum += logits[row + (int) ids[t]] - Math.log(all);
      }
    }
    return -sum;
  }

  @Test
  void lossIsThatOfEveryTokenOnce() {
    List<String> texts = List.of("The sea is blue.", "Why?", "é");
    TextScore score = TextScore.of(model, texts, 10);
    double expected = texts.stream().mapToDouble(t -> nats(t, 0)).sum();
    assertThat(score.nats()).isCloseTo(expected, within(TOLERANCE));
    assertThat(score.tokens()).isEqualTo(22);
    assertThat(score.bytes()).isEqualTo(22);
    assertThat(score.bitsPerByte()).isCloseTo(score.loss() / Math.log(2), within(1e-12));
    assertThat(score.perplexity()).isEqualTo(Math.exp(score.nats() / 22));
    assertThat(TextScore.of(model, texts, 1).documents()).isEqualTo(1);
  }

  @Test
  void longTextsAreReadInWindowsAndCountedOnce() {
    String text = "abcdefghij".repeat(20); // 201 tokens, positions 64
    TextScore score = TextScore.of(model, List.of(text), 1);
    assertThat(score.tokens()).isEqualTo(200);
    long[] ids = ids(text);
    double expected =
        nats(Arrays.copyOfRange(ids, 0, 64), 1)
            + nats(Arrays.copyOfRange(ids, 32, 96), 32)
            + nats(Arrays.copyOfRange(ids, 64, 128), 32)
            + nats(Arrays.copyOfRange(ids, 96, 160), 32)
            + nats(Arrays.copyOfRange(ids, 128, 192), 32)
            + nats(Arrays.copyOfRange(ids, 160, 201), 32);
    assertThat(score.nats()).isCloseTo(expected, within(10 * TOLERANCE));
    assertThatThrownBy(() -> TextScore.of(model, List.of(), 1)).isInstanceOf(DogeException.class);
  }

  @Test
  void choosesTheLikelierChoice() {
    List<String> prompts = List.of("The sea is", "Water runs", "One and one are", "Q:");
    List<String> choices = List.of(" a", " blue and deep", " two");
    int byNats = 0;
    int byCharacter = 0;
    for (String prompt : prompts) {
      double[] sums = new double[3];
      double[] each = new double[3];
      for (int i = 0; i < 3; i++) {
        sums[i] = -nats(prompt + choices.get(i), prompt.length());
        each[i] = sums[i] / (choices.get(i).length() - 1);
      }
      byNats += largest(sums) == 2 ? 1 : 0;
      byCharacter += largest(each) == 2 ? 1 : 0;
    }
    List<Question> questions = prompts.stream().map(p -> new Question(p, choices, 2)).toList();
    ChoiceScore score = MultipleChoice.score(model, "test", questions);
    assertThat(score.accuracy()).isEqualTo(byNats / 4.0);
    assertThat(score.normalizedAccuracy()).isEqualTo(byCharacter / 4.0);
    assertThat(score.chance()).isCloseTo(1 / 3.0, within(1e-12));
    assertThat(score.toString()).contains("of 4 questions");
  }

  private static int largest(double... values) {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      best = values[i] > values[best] ? i : best;
    }
    return best;
  }

  @Test
  void promptsThatAreTooLongLoseTheirBeginning() {
    Question question = new Question("x".repeat(300), List.of(" yes", " no"), 0);
    assertThat(MultipleChoice.score(model, "long", List.of(question)).questions()).isEqualTo(1);
  }

  @Test
  void anAnswerInOwnWordsIsComparedWithKnownOnes() {
    String written =
        model.generator().maxNewTokens(20).stopAt("Question").run("Question: Why?\nAnswer:").text();
    var right = new OpenQuestions.OpenQuestion("Question: Why?\nAnswer:", List.of("no", written));
    var wrong = new OpenQuestions.OpenQuestion("Question: Why?\nAnswer:", List.of("never this"));
    assertThat(OpenQuestions.score(model, List.of(right, wrong)).accuracy()).isEqualTo(0.5);
  }
}
