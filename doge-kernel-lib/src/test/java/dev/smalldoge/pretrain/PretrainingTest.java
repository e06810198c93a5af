package dev.smalldoge.pretrain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.data.Corpus;
import dev.smalldoge.data.Sequences;
import dev.smalldoge.data.TestTokenizers;
import dev.smalldoge.generate.LanguageModel;
import dev.smalldoge.optim.WarmupStableDecay;
import dev.smalldoge.tokenizer.Tokenizer;
import dev.smalldoge.torch.Device;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whole pre-trainings of a very small model, from a text file to a folder with a model. */
class PretrainingTest {
  private static final Tokenizer TOKENIZER = TestTokenizers.bytes();
  private static final ModelConfig CONFIG =
      ModelConfig.tiny()
          .with(
              e -> {
                e.vocabSize = TOKENIZER.vocabSize();
                e.hiddenSize = 32;
                e.intermediateSize = 64;
                e.numHiddenLayers = 2;
              });

  @TempDir private Path folder;

  private Sequences sequences() throws IOException {
    Path text = folder.resolve("text.txt");
    Files.writeString(text, "the sea is wide and the sky is high; ".repeat(60));
    return Corpus.file(text).tokenize(TOKENIZER).pack(32);
  }

  private Pretraining pretraining(int steps) throws IOException {
    return Pretraining.of(CONFIG, TOKENIZER, sequences())
        .schedule(new WarmupStableDecay(1e-2, 2, steps - 4, 2, 0))
        .microBatchSize(4)
        .device(Device.CPU)
        .saveEverySteps(10)
        .checkpoints(folder.resolve("run").toString());
  }

  @Test
  void runLearnsAndLeavesAModelThatSpeaks() throws IOException {
    try (PretrainRun run = pretraining(30).start()) {
      List<Double> losses = run.result().history().losses();
      assertThat(run.result().complete()).isTrue();
      assertThat(losses).hasSize(30);
      // uniform guessing over the ids is the start, and the text repeats itself
      assertThat(losses.get(0)).isBetween(0.8 * uniform(), 1.2 * uniform());
      assertThat(run.loss()).isLessThan(losses.get(0) / 2);
    }
    Path made = folder.resolve("run");
    assertThat(made.resolve("checkpoint-30")).isDirectory();
    assertThat(made.resolve("loss.png")).isNotEmptyFile();
    try (LanguageModel model = LanguageModel.open(made, Device.CPU)) {
      assertThat(model.generate("the sea", 8).toString()).startsWith("the sea");
    }
  }

  private static double uniform() {
    return Math.log(CONFIG.vocabSize());
  }

  @Test
  void sameFolderGoesOnWithMoreSteps() throws IOException {
    pretraining(20).start().close();
    try (PretrainRun run = pretraining(30).start()) {
      assertThat(run.result().steps()).isEqualTo(30);
      assertThat(run.result().history().losses()).hasSize(10);
    }
    assertThat(Files.readAllLines(folder.resolve("run/metrics.jsonl"))).hasSize(30);
  }

  @Test
  void otherSettingsInTheSameFolderAreRefused() throws IOException {
    pretraining(10).start().close();
    assertThatThrownBy(() -> pretraining(10).microBatchSize(2).start())
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("microBatchSize is 4, and this one's is 2; choose another folder");
  }

  @Test
  void moreIdsThanTheVocabularyAreRefused() throws IOException {
    Sequences sequences = sequences();
    assertThatThrownBy(() -> Pretraining.of(CONFIG.withVocabSize(64), TOKENIZER, sequences))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("use config.withVocabSize(" + TOKENIZER.vocabSize() + ")");
  }

  @Test
  void sequencesOfAnotherTokenizerAreRefused() throws IOException {
    Tokenizer larger = TestTokenizers.bytes(3);
    Sequences own = sequences();
    Sequences others = Corpus.file(folder.resolve("text.txt")).tokenize(larger).pack(32);
    assertThatThrownBy(() -> Pretraining.of(CONFIG, TOKENIZER, others))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("was made with tokenizer");
    assertThatThrownBy(() -> Pretraining.of(CONFIG, TOKENIZER, own).heldOut(others))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("was made with tokenizer");
  }
}
