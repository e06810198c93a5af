package dev.smalldoge.model;

import static dev.smalldoge.model.TestModels.OPERATIONS;
import static dev.smalldoge.model.TestModels.small;
import static dev.smalldoge.model.TestModels.smallMoe;
import static dev.smalldoge.torch.Comparison.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.ModelConfig.LoadBalancing;
import dev.smalldoge.config.ModelConfig.Routing;
import dev.smalldoge.config.RopeScaling;
import dev.smalldoge.io.WeightNames;
import dev.smalldoge.torch.Comparison;
import dev.smalldoge.torch.DoubleTwin;
import dev.smalldoge.torch.DoubleTwin.Visibility;
import dev.smalldoge.torch.Tensor;
import dev.smalldoge.torch.TensorScope;
import dev.smalldoge.torch.TwinArray;
import dev.smalldoge.torch.TwinWeights;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.function.DoubleSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The whole model, its losses and all its gradients, against the double twin. */
class ModelTwinTest {
  private static final int ROWS = 2;
  private static final int LENGTH = 9;

  static Stream<ModelConfig> configs() {
    ModelConfig small = small();
    ModelConfig moe = smallMoe();
    return Stream.of(
        small,
        small.with(
            e -> {
              e.tieWordEmbeddings = false;
              e.attentionBias = true;
              e.mlpBias = true;
            }),
        small.with(e -> e.ropeScaling = new RopeScaling("dynamic", 4, 6)), // 6 < length 9
        small.withKeepWindowSize(4),
        small.with(e -> e.slidingWindow = 5),
        moe.with(e -> e.outputRouterLogits = true),
        moe.with(e -> e.tieWordEmbeddings = false),
        moe.with(e -> e.loadBalancing = LoadBalancing.RANK_ORDER),
        moe.with(e -> e.routing = Routing.LEGACY));
  }

  /** One batch: ids, labels with some that do not count, and padding on the right of row 1. */
  private static final class Batch {
    private final long[][] ids;
    private final long[][] labels;
    private final long[][] mask = new long[ROWS][LENGTH];

    Batch(ModelConfig config) {
      ids = TestModels.ids(config, ROWS, LENGTH, 5);
      labels = TestModels.copy(ids);
      labels[0][3] = DogeForCausalLm.IGNORE_INDEX;
      for (int row = 0; row < ROWS; row++) {
        for (int t = 0; t < LENGTH; t++) {
          boolean padding = row == 1 && t >= LENGTH - 2;
          mask[row][t] = padding ? 0 : 1;
          if (padding) {
            ids[row][t] = config.padTokenId();
            labels[row][t] = DogeForCausalLm.IGNORE_INDEX;
          }
        }
      }
    }

    ModelInput input() {
      return ModelInput.padded(OPERATIONS, ids, mask);
    }

    Tensor labelTensor() {
      return TestModels.tensor(labels);
    }

    double[] logits(DoubleTwin twin) {
      return twin.logits(ids, Visibility.unpadded(mask));
    }

    double nats(DoubleTwin twin) {
      return twin.nats(ids, labels, Visibility.unpadded(mask));
    }

    double auxLoss(DoubleTwin twin) {
      return twin.auxLoss(ids, mask, Visibility.unpadded(mask));
    }
  }

  @ParameterizedTest
  @MethodSource("configs")
  void logitsAndLossesEqualTheTwin(ModelConfig config) {
    var arrays = TwinWeights.of(config, 71);
    DoubleTwin twin = new DoubleTwin(config, TwinWeights.values(arrays));
    Batch batch = new Batch(config);
    try (DogeForCausalLm model = TestModels.model(config, arrays);
        TensorScope scope = new TensorScope()) {
      assertClose(
          "logits", model.logits(batch.input()).toFloats(), batch.logits(twin), Comparison.VALUES);
      double nats = batch.nats(twin);
      var labels = batch.labelTensor();
      assertThat(model.loss(batch.input(), labels).item()).isCloseTo(nats, within(1e-5 * nats));
      if (config.isMoe()) {
        double aux = batch.auxLoss(twin);
        assertThat(model.auxLoss(batch.input()).item()).isCloseTo(aux, within(1e-5 * aux));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("configs")
  void gradientsEqualDirectionalDifferences(ModelConfig config) {
    Map<String, TwinArray> arrays = TwinWeights.of(config, 72);
    DoubleTwin twin = new DoubleTwin(config, TwinWeights.values(arrays));
    Batch batch = new Batch(config);
    double scale = 1.0 / 14;
    double auxScale = config.isMoe() ? 0.05 : 0;
    DoubleSupplier loss =
        () -> scale * batch.nats(twin) + (auxScale == 0 ? 0 : auxScale * batch.auxLoss(twin));
    for (boolean recompute : new boolean[] {false, true}) {
      try (DogeForCausalLm model = TestModels.model(config, arrays);
          TensorScope scope = new TensorScope()) {
        model.weights().train(name -> true);
        model.recompute(recompute);
        var labels = batch.labelTensor();
        model.backward(batch.input(), labels, scale, auxScale);
        Random random = new Random(73);
        arrays.forEach(
            (name, array) ->
                compareAlongADirection(
                    name,
                    array.values(),
                    model.weights().gradients().get(name).toFloats(),
                    random,
                    loss));
      }
    }
  }

  /** Compares Σ gradient · direction with the difference of the loss along that direction. */
  private static void compareAlongADirection(
      String name, double[] weight, float[] gradient, Random random, DoubleSupplier loss) {
    double[] direction = random.doubles(weight.length, -1, 1).toArray();
    if (name.equals(WeightNames.EMBEDDING)) { // the padding row gets no gradient, as in the source
      int d = small().hiddenSize();
      int pad = small().padTokenId();
      Arrays.fill(direction, pad * d, (pad + 1) * d, 0);
    }
    double expected = 0;
    double size = 0;
    for (int i = 0; i < weight.length; i++) {
      expected += gradient[i] * direction[i];
      size += gradient[i] * gradient[i];
    }
    double[] before = weight.clone();
    double[] step = {0};
    DoubleSupplier moved =
        () -> {
          for (int i = 0; i < weight.length; i++) {
            weight[i] = before[i] + step[0] * direction[i];
          }
          return loss.getAsDouble();
        };
    double found = Comparison.differences(step, moved)[0];
    System.arraycopy(before, 0, weight, 0, weight.length);
    // fp32 rounding of each element adds up like a random walk: it goes by the gradient's length
    assertThat(expected).as(name).isCloseTo(found, within(5e-5 * Math.sqrt(size) + 1e-9));
  }

  @Test
  void thePaddingIdGetsNoGradientThroughTheEmbedding() {
    ModelConfig config = small().with(e -> e.tieWordEmbeddings = false);
    long[][] ids = TestModels.ids(config, 1, LENGTH, 6);
    ids[0][2] = config.padTokenId(); // a real token here, as where pad and end-of-text are one id
    try (DogeForCausalLm model = TestModels.model(config, 75);
        TensorScope scope = new TensorScope()) {
      model.weights().train(name -> true);
      var tensor = TestModels.tensor(ids);
      model.backward(ModelInput.of(OPERATIONS, ids), tensor, 1.0 / 8, 0);
      float[] gradient = model.weights().gradients().get(WeightNames.EMBEDDING).toFloats();
      int d = config.hiddenSize();
      for (int at = 0; at < 2; at++) {
        int id = (int) ids[0][at + 1];
        float[] row = Arrays.copyOfRange(gradient, id * d, (id + 1) * d);
        assertThat(norm(row) == 0).as("id %d", id).isEqualTo(id == config.padTokenId());
      }
    }
  }

  @Test
  void bfloat16IsTheSameModelToThreeDigits() {
    ModelConfig config = small();
    var arrays = TwinWeights.of(config, 74);
    DoubleTwin twin = new DoubleTwin(config, TwinWeights.values(arrays));
    Batch batch = new Batch(config);
    Weights weights = Weights.of(config, OPERATIONS, TwinWeights.tensors(arrays, OPERATIONS));
    try (DogeForCausalLm model = new DogeForCausalLm(config, weights, Precision.BFLOAT16);
        TensorScope scope = new TensorScope()) {
      var labels = batch.labelTensor();
      double nats = batch.nats(twin);
      assertThat(model.loss(batch.input(), labels).item()).isCloseTo(nats, within(2e-2 * nats));
      weights.train(name -> true);
      model.backward(batch.input(), labels, 1.0 / 14, 0);
      weights.gradients().forEach((name, g) -> assertThat(norm(g.toFloats())).isPositive());
    }
  }

  private static double norm(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += value * value;
    }
    return Math.sqrt(sum);
  }
}
