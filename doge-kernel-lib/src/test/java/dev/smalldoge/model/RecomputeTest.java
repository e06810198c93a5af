package dev.smalldoge.model;

import static dev.smalldoge.model.TestModels.OPERATIONS;
import static dev.smalldoge.model.TestModels.small;
import static dev.smalldoge.model.TestModels.smallMoe;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.torch.Torch;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Computing activations again changes no bit of loss and gradients. */
class RecomputeTest {
  static Stream<ModelConfig> configs() {
    return Stream.of(
        small(),
        small().withKeepWindowSize(4),
        small().with(e -> e.tieWordEmbeddings = false),
        smallMoe(),
        smallMoe().with(e -> e.normTopkProb = true));
  }

  @ParameterizedTest
  @MethodSource("configs")
  void sameBits(ModelConfig config) {
    for (Precision precision : Precision.values()) {
      Map<String, float[]> once = run(config, precision, false);
      Map<String, float[]> again = run(config, precision, true);
      assertThat(again.keySet()).isEqualTo(once.keySet());
      once.forEach(
          (name, values) ->
              assertThat(again.get(name)).as("%s, %s", name, precision).isEqualTo(values));
    }
  }

  private static Map<String, float[]> run(
      ModelConfig config, Precision precision, boolean recompute) {
    Map<String, float[]> found = new LinkedHashMap<>();
    Weights weights =
        Weights.of(
            config,
            OPERATIONS,
            dev.smalldoge.torch.TwinWeights.tensors(
                dev.smalldoge.torch.TwinWeights.of(config, 61), OPERATIONS));
    try (DogeForCausalLm model = new DogeForCausalLm(config, weights, precision);
        TensorScope scope = new TensorScope()) {
      weights.train(name -> true);
      model.recompute(recompute);
      long[][] ids = TestModels.ids(config, 2, 10, 62);
      var loss =
          model.backward(
              ModelInput.of(OPERATIONS, ids),
              TestModels.tensor(ids),
              1.0 / 18,
              config.isMoe() ? 0.1 : 0);
      found.put("nats", new float[] {(float) loss.nats().item()});
      if (loss.auxLoss() != null) {
        found.put("auxLoss", new float[] {(float) loss.auxLoss().item()});
      }
      weights.gradients().forEach((name, g) -> found.put(name, g.toFloats()));
    }
    return found;
  }

  /** With dropout: the gradient belongs to the masks that the loss was computed with. */
  @Test
  void dropoutFallsAlikeInBothPasses() {
    ModelConfig config =
        small()
            .with(
                e -> {
                  e.hiddenDropout = 0.2;
                  e.attentionDropout = 0.2;
                });
    String name = "model.layers.0.mlp.down_proj.weight";
    try (DogeForCausalLm model = TestModels.model(config, 63);
        TensorScope scope = new TensorScope()) {
      model.weights().train(n -> true);
      model.recompute(true);
      double plain = loss(model);
      float[] gradient = model.weights().gradients().get(name).toFloats();
      float[] weight = model.weights().get(name).toFloats();
      float[] direction = new float[weight.length];
      Random random = new Random(64);
      double slope = 0;
      for (int i = 0; i < direction.length; i++) {
        direction[i] = (float) random.nextGaussian();
        slope += direction[i] * gradient[i];
      }
      double step = 1e-3;
      double above = loss(model, name, weight, direction, step);
      double below = loss(model, name, weight, direction, -step);
      // fp32 losses of about 30 nats are exact to about 2e-6, a difference of two over 2e-3 to 2e-3
      assertThat((above - below) / (2 * step))
          .isCloseTo(slope, within(0.01 * Math.abs(slope) + 0.01));
      assertThat(loss(model, name, weight, direction, 0)).as("same seed").isEqualTo(plain);
    }
  }

  private static double loss(
      DogeForCausalLm model, String name, float[] weight, float[] direction, double step) {
    float[] moved = weight.clone();
    for (int i = 0; i < moved.length; i++) {
      moved[i] += (float) (step * direction[i]);
    }
    OPERATIONS.copyInto(
        model.weights().get(name), OPERATIONS.floats(moved, model.weights().get(name).shape()));
    return loss(model);
  }

  private static double loss(DogeForCausalLm model) {
    Torch.setSeed(65);
    long[][] ids = TestModels.ids(model.config(), 1, 10, 66);
    return model
        .backward(ModelInput.of(OPERATIONS, ids), TestModels.tensor(ids), 1, 0)
        .nats()
        .item();
  }
}
