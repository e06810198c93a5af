package dev.smalldoge.model;

import static dev.smalldoge.model.TestModels.OPERATIONS;
import static dev.smalldoge.model.TestModels.small;
import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.io.WeightNames;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.torch.Torch;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A dense checkpoint opens as the start of a CDMoE: all it has is kept, experts are drawn. */
class DenseStartTest {
  @TempDir private Path folder;

  @Test
  void sharedWeightsAreKeptAndExpertsFollowTheSeed() {
    ModelConfig moe = small().withExperts(16, 3);
    Map<String, float[]> dense;
    try (DogeForCausalLm model = TestModels.model(small(), 21)) {
      ModelFiles.save(model, folder);
      dense = values(model.weights());
    }
    Map<String, float[]> one = start(moe, 5);
    Map<String, float[]> same = start(moe, 5);
    Map<String, float[]> other = start(moe, 6);
    assertThat(one.keySet()).isEqualTo(WeightNames.expected(moe).keySet());
    one.forEach(
        (name, values) -> {
          assertThat(same.get(name)).as(name).isEqualTo(values);
          if (WeightNames.isExpert(name)) {
            assertThat(other.get(name)).as(name).isNotEqualTo(values);
            assertThat(deviation(values)).as(name).isBetween(0.015, 0.025); // initializerRange 0.02
          } else {
            assertThat(values).as(name).isEqualTo(dense.get(name));
          }
        });
  }

  private Map<String, float[]> start(ModelConfig moe, long seed) {
    Torch.setSeed(seed);
    try (Weights weights = ModelFiles.weights(folder, moe, OPERATIONS)) {
      return values(weights);
    }
  }

  /** Experts of new weights add less than a hundredth to what the dense model says. */
  @Test
  void theStartSpeaksAsTheDenseModel() {
    ModelConfig moe = small().withExperts(16, 3);
    long[][] ids = TestModels.ids(moe, 1, 10, 22);
    try (DogeForCausalLm model = TestModels.model(small(), 21)) {
      ModelFiles.save(model, folder);
      Torch.setSeed(5);
      Weights weights = ModelFiles.weights(folder, moe, OPERATIONS);
      try (DogeForCausalLm start = new DogeForCausalLm(moe, weights, Precision.FLOAT32);
          TensorScope scope = new TensorScope()) {
        Tensor labels = TestModels.tensor(ids);
        double dense = model.loss(ModelInput.of(OPERATIONS, ids), labels).item();
        double found = start.loss(ModelInput.of(OPERATIONS, ids), labels).item();
        assertThat(Math.abs(found - dense)).isBetween(1e-9, 0.01 * dense);
      }
    }
  }

  private static Map<String, float[]> values(Weights weights) {
    Map<String, float[]> values = new HashMap<>();
    weights.byName().forEach((name, weight) -> values.put(name, weight.toFloats()));
    return values;
  }

  private static double deviation(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += value * value;
    }
    return Math.sqrt(sum / values.length);
  }
}
