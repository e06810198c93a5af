package dev.smalldoge.optim;

import static dev.smalldoge.model.TestModels.OPERATIONS;
import static dev.smalldoge.torch.Comparison.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.io.WeightNames;
import dev.smalldoge.model.TestModels;
import dev.smalldoge.model.Weights;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.torch.TwinArray;
import dev.smalldoge.torch.TwinWeights;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** AdamW, its clipping and its decay groups against the same in plain doubles. */
class AdamWTest {
  private static final AdamW.Settings SETTINGS = new AdamW.Settings(0.9, 0.95, 1e-8, 0.1, 1);

  private final ModelConfig config =
      TestModels.small()
          .with(
              e -> {
                e.numHiddenLayers = 1;
                e.attentionBias = true;
              });
  private final Map<String, TwinArray> arrays = TwinWeights.of(config, 91);
  private final Weights weights =
      Weights.of(config, OPERATIONS, TwinWeights.tensors(arrays, OPERATIONS));

  /** One array's AdamW in doubles. */
  private static final class Twin {
    private final double[] weight;
    private final double[] mean;
    private final double[] square;
    private final double decay;
    private int updates;

    Twin(double[] weight, double decay) {
      this.weight = weight.clone();
      this.mean = new double[weight.length];
      this.square = new double[weight.length];
      this.decay = decay;
    }

    void update(float[] gradient, double scale, double rate) {
      updates++;
      for (int i = 0; i < weight.length; i++) {
        double g = gradient[i] * scale;
        mean[i] = SETTINGS.beta1() * mean[i] + (1 - SETTINGS.beta1()) * g;
        square[i] = SETTINGS.beta2() * square[i] + (1 - SETTINGS.beta2()) * g * g;
        double m = mean[i] / (1 - Math.pow(SETTINGS.beta1(), updates));
        double v = square[i] / (1 - Math.pow(SETTINGS.beta2(), updates));
        weight[i] -= rate * decay * weight[i] + rate * m / (Math.sqrt(v) + SETTINGS.eps());
      }
    }
  }

  private Map<String, float[]> fill(long seed, double size) {
    Random random = new Random(seed);
    Map<String, float[]> gradients = new HashMap<>();
    try (TensorScope scope = new TensorScope()) {
      weights
          .gradients()
          .forEach(
              (name, gradient) -> {
                float[] values = new float[(int) gradient.size()];
                for (int i = 0; i < values.length; i++) {
                  values[i] = (float) (size * random.nextGaussian());
                }
                gradients.put(name, values);
                OPERATIONS.copyInto(gradient, OPERATIONS.floats(values, gradient.shape()));
              });
    }
    return gradients;
  }

  private static double norm(Map<String, float[]> gradients) {
    double sum = 0;
    for (float[] values : gradients.values()) {
      for (float value : values) {
        sum += (double) value * value;
      }
    }
    return Math.sqrt(sum);
  }

  @Test
  void twentyUpdatesEqualTheTwin() {
    weights.train(name -> true);
    Map<String, Twin> twins = new HashMap<>();
    arrays.forEach(
        (n, a) -> twins.put(n, new Twin(a.values(), AdamW.decays(n) ? SETTINGS.weightDecay() : 0)));
    try (weights;
        AdamW optimizer = new AdamW(weights, SETTINGS)) {
      for (int step = 0; step < 20; step++) {
        double size = step % 2 == 0 ? 1e-3 : 0.1; // norms of about 0.05, kept, and 5, clipped
        Map<String, float[]> gradients = fill(step, size);
        double norm = norm(gradients);
        double rate = 1e-3 * (step + 1);
        try (Tensor found = optimizer.update(rate)) {
          assertThat(found.item()).isCloseTo(norm, within(1e-6 * norm));
        }
        double scale = Math.min(1, SETTINGS.maxGradNorm() / (norm + 1e-6));
        gradients.forEach((name, g) -> twins.get(name).update(g, scale, rate));
      }
      twins.forEach(
          (name, twin) ->
              // twenty updates of a few fp32 roundings each
              assertClose(name, weights.get(name).toFloats(), twin.weight, 2e-6));
      weights.gradients().forEach((n, g) -> assertThat(g.toFloats()).containsOnly(0f));
    }
  }

  @Test
  void onlyNormsAndBiasesDoNotDecay() {
    weights.close();
    for (String name : WeightNames.expected(config).keySet()) {
      boolean kept =
          name.endsWith("layernorm.weight")
              || name.endsWith("_norm.weight")
              || name.equals("model.norm.weight")
              || name.endsWith(".bias");
      assertThat(AdamW.decays(name)).as(name).isEqualTo(!kept);
    }
    assertThat(AdamW.decays("model.layers.0.self_attn.A")).isTrue();
    assertThat(AdamW.decays("model.layers.0.self_attn.dt_proj.weight")).isTrue();
    assertThat(AdamW.decays("model.layers.0.input_residual")).isTrue();
    assertThat(AdamW.decays("model.embed_tokens.weight")).isTrue();
  }

  @Test
  void aGradientThatIsNotFiniteChangesNothing() {
    weights.train(name -> true);
    try (weights;
        AdamW optimizer = new AdamW(weights, SETTINGS);
        TensorScope scope = new TensorScope()) {
      fill(1, 0.1);
      optimizer.update(1e-3);
      Map<String, float[]> before = values(weights.byName());
      Map<String, float[]> moments = values(optimizer.moments());
      for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
        fill(2, 0.1);
        Tensor a = weights.gradients().get("model.layers.0.self_attn.A");
        OPERATIONS.copyInto(a, OPERATIONS.floats(new float[] {bad, 0}, 2));
        assertThat(optimizer.update(1e-3).item()).isNotFinite();
        before.forEach((n, v) -> assertThat(weights.get(n).toFloats()).as(n).isEqualTo(v));
        values(optimizer.moments()).forEach((n, v) -> assertThat(v).isEqualTo(moments.get(n)));
        assertThat(optimizer.updates()).as("updates").allSatisfy((n, c) -> assertThat(c).isOne());
      }
    }
  }

  private static Map<String, float[]> values(Map<String, Tensor> tensors) {
    Map<String, float[]> values = new HashMap<>();
    tensors.forEach((name, tensor) -> values.put(name, tensor.toFloats()));
    return values;
  }

  @Test
  void aFrozenWeightStaysAndStartsItsOwnCount() {
    String late = "model.norm.weight";
    weights.train(name -> !name.equals(late));
    try (weights;
        AdamW optimizer = new AdamW(weights, SETTINGS);
        TensorScope scope = new TensorScope()) {
      float[] before = weights.get(late).toFloats();
      fill(1, 0.1);
      optimizer.update(1e-3);
      assertThat(weights.get(late).toFloats()).isEqualTo(before);
      weights.train(name -> true);
      optimizer.refresh();
      Map<String, float[]> gradients = fill(2, 0.1);
      double scale = 1 / (norm(gradients) + 1e-6);
      Twin twin = new Twin(arrays.get(late).values(), 0);
      twin.update(gradients.get(late), scale, 1e-3);
      optimizer.update(1e-3);
      assertClose(late, weights.get(late).toFloats(), twin.weight, 1e-6);
      assertThat(optimizer.updates())
          .containsEntry(late, 1L)
          .containsEntry("model.layers.0.self_attn.A", 2L);
    }
  }
}
