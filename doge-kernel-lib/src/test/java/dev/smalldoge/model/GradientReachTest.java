package dev.smalldoge.model;

import static dev.smalldoge.model.TestModels.OPERATIONS;
import static dev.smalldoge.model.TestModels.small;
import static dev.smalldoge.model.TestModels.smallMoe;
import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every parameter learns; dt_proj from the second update on, because A is 0 at first. */
class GradientReachTest {
  static Stream<ModelConfig> configs() {
    return Stream.of(
        small(),
        small()
            .with(
                e -> {
                  e.attentionBias = true;
                  e.mlpBias = true;
                  e.tieWordEmbeddings = false;
                }),
        small().withKeepWindowSize(4),
        smallMoe().with(e -> e.outputRouterLogits = true));
  }

  @ParameterizedTest
  @MethodSource("configs")
  void everyParameterGetsAGradient(ModelConfig config) {
    try (DogeForCausalLm model = TestModels.model(config, 51)) {
      assertThat(withoutGradient(model)).isEmpty();
    }
  }

  /**
   * New weights have A = 0, where bias = exp(A · softplus(dt_proj(v))) is 1 whatever dt_proj is: it
   * has no gradient, and A has one. Once A has moved, dt_proj has one, too.
   */
  @ParameterizedTest
  @MethodSource("configs")
  void newWeightsAllLearnOnceAHasMoved(ModelConfig config) {
    Weights weights = Weights.initialize(config, OPERATIONS, 52);
    try (DogeForCausalLm model = new DogeForCausalLm(config, weights, Precision.FLOAT32)) {
      assertThat(withoutGradient(model)).isNotEmpty().allMatch(n -> n.contains("dt_proj"));
      try (TensorScope scope = new TensorScope()) {
        weights
            .byName()
            .forEach(
                (name, weight) -> {
                  if (name.endsWith(".A")) {
                    float[] moved = weight.toFloats();
                    java.util.Arrays.fill(moved, 1e-3f); // about one update's worth
                    OPERATIONS.copyInto(weight, OPERATIONS.floats(moved, weight.shape()));
                  }
                });
      }
      assertThat(withoutGradient(model)).isEmpty();
    }
  }

  private static Set<String> withoutGradient(DogeForCausalLm model) {
    ModelConfig config = model.config();
    Set<String> none = new TreeSet<>();
    try (TensorScope scope = new TensorScope()) {
      model.weights().train(name -> true);
      long[][] ids = TestModels.ids(config, 2, 12, 53);
      model.backward(
          ModelInput.of(OPERATIONS, ids), TestModels.tensor(ids), 1.0 / 22, config.isMoe() ? 1 : 0);
      model
          .weights()
          .gradients()
          .forEach(
              (name, gradient) -> {
                if (isZero(gradient)) {
                  none.add(name);
                }
              });
    }
    return none;
  }

  private static boolean isZero(Tensor gradient) {
    for (float value : gradient.toFloats()) {
      if (value != 0) {
        return false;
      }
    }
    return true;
  }
}
