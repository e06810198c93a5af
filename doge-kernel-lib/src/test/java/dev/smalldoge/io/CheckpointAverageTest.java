package dev.smalldoge.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.ModelConfig;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointAverageTest {
  private static final ModelConfig CONFIG =
      ModelConfig.tiny()
          .with(
              e -> {
                e.vocabSize = 16;
                e.hiddenSize = 8;
                e.intermediateSize = 8;
                e.numHiddenLayers = 1;
                e.numAttentionHeads = 2;
                e.numKeyValueHeads = 1;
              });

  @TempDir Path folder;

  /** A checkpoint whose every weight is {@code value}. */
  private Path checkpoint(String name, ModelConfig config, float value) throws Exception {
    Path path = Files.createDirectory(folder.resolve(name));
    ConfigFiles.writeModelConfig(config, path.resolve(ConfigFiles.CONFIG));
    SafetensorsWriter writer = SafetensorsWriter.to(path.resolve(Safetensors.FILE));
    WeightNames.expected(config)
        .forEach(
            (weight, shape) -> {
              int size = 1;
              for (long length : shape) {
                size *= (int) length;
              }
              float[] values = new float[size];
              java.util.Arrays.fill(values, value);
              writer.addFloats(weight, DType.F32, shape, () -> FloatBuffer.wrap(values));
            });
    writer.write();
    return path;
  }

  @Test
  void sharesAreThoseOfTheReference() {
    assertThat(CheckpointAverage.simple(4)).containsExactly(0.25, 0.25, 0.25, 0.25);
    assertThat(CheckpointAverage.linear(3))
        .containsExactly(new double[] {1 / 6., 2 / 6., 3 / 6.}, within(1e-15));
    double sum = 0.2 * (1 + 0.8 + 0.64);
    assertThat(CheckpointAverage.exponential(3, 0.2))
        .containsExactly(
            new double[] {0.2 * 0.64 / sum, 0.2 * 0.8 / sum, 0.2 / sum}, within(1e-15));
  }

  @Test
  void takesEveryIntervalThFromTheNewest() {
    List<Path> all = List.of(Path.of("1"), Path.of("2"), Path.of("3"), Path.of("4"), Path.of("5"));
    assertThat(CheckpointAverage.choose(all, 2, 10))
        .containsExactly(Path.of("1"), Path.of("3"), Path.of("5"));
    assertThat(CheckpointAverage.choose(all, 1, 2)).containsExactly(Path.of("4"), Path.of("5"));
  }

  @Test
  void writesTheMeanAsAModel() throws Exception {
    List<Path> checkpoints =
        List.of(checkpoint("a", CONFIG, 1), checkpoint("b", CONFIG, 2), checkpoint("c", CONFIG, 6));
    Files.writeString(checkpoints.get(2).resolve("tokenizer.json"), "{}");
    Files.writeString(checkpoints.get(2).resolve("training-state.json"), "{}");
    Path target = folder.resolve("mean");
    CheckpointAverage.write(checkpoints, CheckpointAverage.linear(3), target);
    assertThat(target.resolve("tokenizer.json")).exists();
    assertThat(target.resolve("training-state.json")).doesNotExist();
    ModelConfig config = ConfigFiles.readModelConfig(target);
    assertThat(config).isEqualTo(CONFIG);
    try (ModelWeights weights = ModelWeights.open(target, config)) {
      for (String name : weights.names()) {
        FloatBuffer values = weights.floats(name);
        while (values.hasRemaining()) {
          assertThat(values.get()).isCloseTo((1 + 2 * 2 + 3 * 6) / 6f, within(1e-6f));
        }
      }
    }
  }

  @Test
  void checkpointsOfDifferentModelsAreRefused() throws Exception {
    Path a = checkpoint("a", CONFIG, 1);
    Path b = checkpoint("b", CONFIG.withVocabSize(24), 1);
    assertThatThrownBy(
            () ->
                CheckpointAverage.write(
                    List.of(a, b), CheckpointAverage.simple(2), folder.resolve("mean")))
        .isInstanceOf(DogeException.class)
        .hasMessageContaining("is of another model");
    assertThatThrownBy(() -> CheckpointAverage.write(List.of(a), new double[] {1}, a))
        .hasMessageContaining("would be overwritten");
    assertThatThrownBy(
            () -> CheckpointAverage.write(List.of(a), new double[] {2}, folder.resolve("mean")))
        .hasMessageContaining("sum to 2.0");
  }
}
