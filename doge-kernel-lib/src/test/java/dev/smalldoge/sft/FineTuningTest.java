package dev.smalldoge.sft;

import static dev.smalldoge.model.TestModels.OPERATIONS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.data.Corpus;
import dev.smalldoge.data.Sequences;
import dev.smalldoge.data.TestTokenizers;
import dev.smalldoge.data.Tokens;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.TestModels;
import dev.smalldoge.model.Weights;
import dev.smalldoge.tokenizer.Tokenizer;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.train.LanguageModelBatch;
import dev.smalldoge.train.TokenBatches;
import java.io.IOException;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FineTuningTest {
  private static final Tokenizer TOKENIZER = TestTokenizers.bytes();
  private static final ModelConfig CONFIG =
      TestModels.small()
          .with(
              e -> {
                e.vocabSize = TOKENIZER.vocabSize();
                e.hiddenSize = 32;
                e.maxPositionEmbeddings = 128;
              });
  @TempDir Path folder;
  private Corpus corpus;

  @BeforeEach
  void writeConversations() throws IOException {
    Path file = folder.resolve("talks.jsonl");
    Files.writeString(
        file,
        "{\"messages\":[{\"role\":\"user\",\"content\":\"one?\"},"
            + "{\"role\":\"assistant\",\"content\":\"uno\"}]}\n"
            + "{\"messages\":[{\"role\":\"user\",\"content\":\"two?\"},"
            + "{\"role\":\"assistant\",\"content\":\"dos\"},{\"role\":\"user\",\"content\":\"3?\"},"
            + "{\"role\":\"assistant\",\"content\":\"tres\"}]}\n");
    corpus = Corpus.file(file);
  }

  private static LanguageModel model() {
    Weights weights = Weights.initialize(CONFIG, OPERATIONS, 51);
    return new LanguageModel(new DogeForCausalLm(CONFIG, weights, Precision.FLOAT32), TOKENIZER);
  }

  private Sequences packed(Tokens tokens) {
    return tokens.pack(80);
  }

  /** The text of the labels of the only packed row, "." where there is none. */
  private static String learned(Sequences sequences) {
    long[] ids = new long[80];
    long[] labels = new long[80];
    sequences.read(0, LongBuffer.wrap(ids), LongBuffer.wrap(labels), 0);
    StringBuilder text = new StringBuilder();
    for (long label : labels) {
      text.append(label < 0 ? "." : TOKENIZER.decode(new int[] {(int) label}, false));
    }
    return text.toString();
  }

  @Test
  void onlyWhatTheAssistantSaysIsLearnedUnlessAllIs() {
    String assistant = learned(packed(corpus.asConversations().tokenize(TOKENIZER)));
    assertThat(assistant.replaceAll("\\.+", " ").strip()).isEqualTo("uno<eos> dos<eos> tres<eos>");
    String all = learned(packed(corpus.asConversations("", false).tokenize(TOKENIZER)));
    assertThat(all)
        .startsWith(".[user]one?<eos>[assistant]uno<eos>.[user]two?<eos>"); // BOS is no target
  }

  @Test
  void theSystemPromptOpensEveryConversation() {
    String all = learned(packed(corpus.asConversations("be", false).tokenize(TOKENIZER)));
    assertThat(all).startsWith(".[system]be<eos>[user]one?").contains(".[system]be<eos>[user]two?");
  }

  @Test
  void theLossIsThatOfTheAssistantsTokensAlone() {
    Sequences sequences = packed(corpus.asConversations().tokenize(TOKENIZER));
    try (TensorScope scope = new TensorScope();
        LanguageModel model = model()) {
      LanguageModelBatch batch =
          (LanguageModelBatch) new TokenBatches(sequences, 1, OPERATIONS).next(1).get(0);
      ModelInput input = batch.input();
      long[] ids = input.inputIds().toLongs();
      long[] labels = batch.labels().toLongs();
      float[] every =
          model.model().logProbabilities(input, OPERATIONS.longs(ids, 1, 80)).toFloats();
      double nats = 0;
      int counted = 0;
      for (int t = 1; t < labels.length; t++) {
        if (labels[t] >= 0) {
          nats -= every[t - 1];
          counted++;
        }
      }
      assertThat(batch.counted()).isEqualTo(counted).isEqualTo(4 + 4 + 5); // with their <eos>
      // sums of 13 fp32 figures of about 5
      assertThat(model.model().loss(input, batch.labels()).item()).isCloseTo(nats, within(1e-4));
    }
  }

  @Test
  void overfitsAndThenAnswersAsItWasTaught() {
    Sequences sequences = packed(corpus.asConversations().tokenize(TOKENIZER));
    try (LanguageModel start = model()) {
      float[] before = start.model().weights().get("model.embed_tokens.weight").toFloats();
      try (FineTuningRun run =
          FineTuning.of(start, sequences)
              .heldOut(sequences) // the same text: what it measures is known
              .learningRate(1e-2)
              .gradientAccumulationSteps(1)
              .maxSteps(120)
              .evaluateEverySteps(120)
              .checkpoints(folder.resolve("run").toString())
              .start()) {
        assertThat(run.loss()).isLessThan(0.1);
        assertThat(run.heldOutTokenAccuracy()).isEqualTo(1);
        assertThat(run.result().history().figures(FineTuningRun.TRAINED_TOKEN_SHARE))
            .allSatisfy(share -> assertThat(share).isCloseTo(13 / 80.0, within(1e-6)));
        BeforeAfter table =
            BeforeAfter.ask("one?", "two?").of("base", start).of("SFT", run.model());
        assertThat(table.answers().get("SFT")).containsExactly("uno", "dos");
        assertThat(table.changed("base", "SFT")).isEqualTo(2);
        assertThat(table.toString()).contains("> one?").contains("SFT: uno");
        assertThat(table.toHtml()).contains("<th").contains(">uno</td>");
        assertThat(start.model().weights().get("model.embed_tokens.weight").toFloats())
            .isEqualTo(before);
      }
      assertThat(folder.resolve("run/model.safetensors")).exists();
      assertThat(folder.resolve("run/tokenizer.json")).exists();
      assertThat(folder.resolve("run/loss.png")).isNotEmptyFile();
    }
  }

  @Test
  void epochsBecomeSteps() {
    List<Long> steps = new ArrayList<>();
    Sequences sequences = corpus.asConversations().tokenize(TOKENIZER).pad(64);
    try (LanguageModel start = model();
        FineTuningRun run =
            FineTuning.of(start, sequences)
                .epochs(3)
                .gradientAccumulationSteps(2)
                .checkpoints(folder.resolve("epochs").toString())
                .start()) {
      steps.add(run.result().steps());
    }
    assertThat(steps).containsExactly(3L); // 3 · 2 conversations in steps of 2
  }

  @Test
  void whatDoesNotFitIsRefusedInOneSentence() {
    Sequences sequences = packed(corpus.asConversations().tokenize(TestTokenizers.bytes(2)));
    try (LanguageModel start = model()) {
      assertThatThrownBy(() -> FineTuning.of(start, sequences))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("tokenizer");
      Sequences own = packed(corpus.asConversations().tokenize(TOKENIZER));
      assertThatThrownBy(() -> FineTuning.of(start, own).heldOut(sequences))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("tokenizer");
      Sequences longer = corpus.asConversations().tokenize(TOKENIZER).pack(256);
      assertThatThrownBy(() -> FineTuning.of(start, longer))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("positions end at 128; pack(128)");
      assertThatThrownBy(() -> BeforeAfter.ask())
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("there is no question");
    }
  }
}
