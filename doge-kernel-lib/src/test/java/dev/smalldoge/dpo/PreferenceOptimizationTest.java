package dev.smalldoge.dpo;

import static dev.smalldoge.model.TestModels.OPERATIONS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.LoraSettings;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.data.Corpus;
import dev.smalldoge.data.PreferencePair;
import dev.smalldoge.data.TestTokenizers;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.io.Safetensors;
import dev.smalldoge.model.DogeForCausalLm;
import dev.smalldoge.model.LoraFiles;
import dev.smalldoge.model.ModelFiles;
import dev.smalldoge.model.Precision;
import dev.smalldoge.model.TestModels;
import dev.smalldoge.model.Weights;
import dev.smalldoge.tokenizer.Message;
import dev.smalldoge.tokenizer.Tokenizer;
import dev.smalldoge.torch.Device;
import dev.smalldoge.train.StepMetrics;
import dev.smalldoge.train.TrainingListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PreferenceOptimizationTest {
  private static final Tokenizer TOKENIZER = TestTokenizers.bytes();
  private static final ModelConfig CONFIG =
      TestModels.small()
          .with(
              e -> {
                e.vocabSize = TOKENIZER.vocabSize();
                e.maxPositionEmbeddings = 128;
              });
  @TempDir Path folder;

  private static LanguageModel model(ModelConfig config, Tokenizer tokenizer, long seed) {
    return new LanguageModel(
        new DogeForCausalLm(
            config, Weights.initialize(config, OPERATIONS, seed), Precision.FLOAT32),
        tokenizer);
  }

  private static PreferencePairs pairs() {
    List<PreferencePair> pairs = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      pairs.add(
          new PreferencePair(
              List.of(Message.user("q" + i)), Message.assistant("yes"), Message.assistant("no")));
    }
    return PreferencePairs.of(pairs, TOKENIZER, 40, 30);
  }

  private PreferenceOptimization tuning(LanguageModel start, String run) {
    return PreferenceOptimization.of(start, pairs())
        .learningRate(3e-3)
        .microBatchSize(2)
        .gradientAccumulationSteps(2)
        .maxSteps(6)
        .checkpoints(folder.resolve(run).toString());
  }

  @Test
  void learnsThePairsAndLeavesTheStartAsItWas() {
    try (LanguageModel start = model(CONFIG, TOKENIZER, 41)) {
      float[] before = start.model().weights().get("model.embed_tokens.weight").toFloats();
      try (PreferenceRun run = tuning(start, "learns").epochs(20).start()) {
        List<Double> margins = run.result().history().figures(PreferenceRun.REWARD_MARGIN);
        assertThat(margins).hasSize(40);
        assertThat(margins.get(0)).isZero();
        assertThat(run.rewardMargin()).isGreaterThan(0.5);
        assertThat(run.loss()).isLessThan(0.5); // ln 2 is that of no preference
        assertThat(run.result().history().figures("preferenceAccuracy").get(39)).isEqualTo(1);
        assertThat(start.model().weights().get("model.embed_tokens.weight").toFloats())
            .isEqualTo(before);
        assertThat(folder.resolve("learns/margin.png")).isNotEmptyFile();
        assertThat(folder.resolve("learns/loss.png")).isNotEmptyFile();
      }
    }
  }

  /** Interrupts the run's thread after a step. */
  private static TrainingListener interruptAfter(long step) {
    return new TrainingListener() {
      @Override
      public void stepped(StepMetrics metrics) {
        if (metrics.step() == step) {
          Thread.currentThread().interrupt();
        }
      }
    };
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void anInterruptedRunGoesOnAsIfItHadNotEnded(boolean adapters) throws IOException {
    LoraSettings lora = adapters ? LoraSettings.ofRank(2) : null;
    try (LanguageModel start = model(CONFIG, TOKENIZER, 42)) {
      tuning(start, "straight").lora(lora).startName("base").start().close();
      PreferenceOptimization stopped =
          tuning(start, "resumed").lora(lora).startName("base").listener(interruptAfter(2));
      try (PreferenceRun part = stopped.start()) {
        assertThat(part.result().complete()).isFalse();
      }
      try (PreferenceRun rest = tuning(start, "resumed").lora(lora).startName("base").start()) {
        assertThat(rest.result().complete()).isTrue();
        assertThat(rest.result().history().losses()).hasSizeLessThan(6);
      }
    }
    for (String file : List.of("model.safetensors", "config.json", "tokenizer.json")) {
      assertThat(
              Files.mismatch(folder.resolve("straight/" + file), folder.resolve("resumed/" + file)))
          .as(file)
          .isEqualTo(-1);
    }
  }

  /** Neither stored scores nor a run go on with the weights of another model of that shape. */
  @Test
  void anotherStartOfTheSameShapeIsRefused() throws IOException {
    try (LanguageModel start = model(CONFIG, TOKENIZER, 42);
        LanguageModel other = model(CONFIG, TOKENIZER, 47)) {
      tuning(start, "run").lora(LoraSettings.ofRank(2)).listener(interruptAfter(2)).start().close();
      assertThatThrownBy(() -> tuning(other, "run").lora(LoraSettings.ofRank(2)).start())
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("reference.safetensors holds a reference model's scores of other")
          .hasMessageContaining("weights");
      Files.delete(folder.resolve("run/reference.safetensors"));
      assertThatThrownBy(() -> tuning(other, "run").lora(LoraSettings.ofRank(2)).start())
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("holds a run whose start is");
    }
  }

  @Test
  void adaptersAloneGiveTheTrainedModel() {
    try (LanguageModel start = model(CONFIG, TOKENIZER, 43)) {
      tuning(start, "lora").lora(LoraSettings.ofRank(2)).start().close();
      try (DogeForCausalLm copy = start.model().copy();
          var adapter = LoraFiles.open(copy, folder.resolve("lora/adapter"));
          DogeForCausalLm saved =
              ModelFiles.open(folder.resolve("lora"), Device.CPU, Precision.FLOAT32)) {
        assertThat(adapter.settings()).isEqualTo(LoraSettings.ofRank(2));
        saved
            .weights()
            .byName()
            .forEach(
                (name, weight) ->
                    assertThat(copy.weights().get(name).toFloats())
                        .as(name)
                        .isEqualTo(weight.toFloats()));
      }
      try (Safetensors scores = Safetensors.open(folder.resolve("lora/reference.safetensors"))) {
        assertThat(java.util.Arrays.stream(scores.doubles("scores")).boxed().toList())
            .hasSize(16)
            .allMatch(x -> x < 0);
      }
    }
  }

  @Test
  void preferencesOnShippedPairsCarryOverToHeldOutOnes() {
    List<PreferencePair> shipped = new ArrayList<>();
    Corpus.of("python-explanations").under("../datasets").preferences().forEach(shipped::add);
    PreferencePairs.Split split =
        PreferencePairs.of(shipped.subList(0, 200), TOKENIZER, 96, 64).split(80, 233);
    try (LanguageModel start = model(CONFIG, TOKENIZER, 44);
        PreferenceRun run =
            PreferenceOptimization.of(start, split.training())
                .heldOut(split.heldOut())
                .learningRate(3e-3)
                .microBatchSize(4)
                .gradientAccumulationSteps(1)
                .maxSteps(40)
                .evaluateEverySteps(40)
                .checkpoints(folder.resolve("shipped").toString())
                .start()) {
      double standardError = Math.sqrt(0.25 / split.heldOut().count());
      assertThat(run.heldOutAccuracy()).isGreaterThan(0.5 + 2 * standardError);
      assertThat(run.heldOutMargin()).isPositive();
    }
  }

  @Test
  void whatCannotBeComparedIsRefusedInOneSentence() {
    Tokenizer larger = TestTokenizers.bytes(3);
    ModelConfig largerConfig = CONFIG.withVocabSize(larger.vocabSize());
    try (LanguageModel start = model(CONFIG, TOKENIZER, 45);
        LanguageModel other = model(largerConfig, larger, 45);
        LanguageModel sameSize = model(largerConfig, TOKENIZER, 45)) {
      assertThatThrownBy(() -> tuning(start, "x").referenceModel(other))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("the reference model has 262 ids and the model 259");
      assertThatThrownBy(() -> PreferenceOptimization.of(other, pairs()))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("have different tokenizers");
      PreferencePairs others =
          PreferencePairs.of(
              List.of(
                  new PreferencePair(
                      List.of(Message.user("q")), Message.assistant("a"), Message.assistant("b"))),
              larger,
              40,
              30);
      assertThatThrownBy(() -> tuning(start, "x").heldOut(others))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("the held-out pairs and the model have different tokenizers");
      assertThatThrownBy(() -> PreferenceOptimization.of(sameSize, pairs()).referenceModel(other))
          .isInstanceOf(DogeException.class)
          .hasMessageContaining("have different tokenizers");
    }
  }
}
