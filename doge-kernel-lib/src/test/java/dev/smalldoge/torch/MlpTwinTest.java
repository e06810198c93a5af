package dev.smalldoge.torch;

import static dev.smalldoge.torch.Comparison.assertClose;

import dev.smalldoge.config.ModelConfig;
import dev.smalldoge.config.ModelConfig.LoadBalancing;
import dev.smalldoge.config.ModelConfig.Routing;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The norm, the gated MLP, the experts and their balance, against the double twin. */
class MlpTwinTest {
  private static final int BATCH = 2;
  private static final int LENGTH = 4;

  private final Operations operations = Operations.on(Device.CPU);

  static Stream<ModelConfig> layers() {
    ModelConfig plain = Blocks.layer(2, 1, 6);
    ModelConfig experts = plain.withExperts(16, 3);
    return Stream.of(
        plain,
        plain.with(e -> e.mlpBias = true),
        Blocks.layer(1, 1, 2).with(e -> e.intermediateSize = 1),
        experts,
        experts.with(e -> e.mlpBias = true),
        experts.with(e -> e.routing = Routing.LEGACY),
        experts.with(e -> e.normTopkProb = true),
        plain.withExperts(9, 7), // more per token than keys
        plain.withExperts(4, 4), // all
        plain.withExperts(1, 1));
  }

  @ParameterizedTest
  @MethodSource("layers")
  void valuesAndGradientsEqualTheTwin(ModelConfig config) {
    var weights = TwinWeights.of(config, 31);
    weights.keySet().removeIf(n -> !n.contains("mlp") && !n.contains("post_"));
    TwinArray input = TwinWeights.normal(32, 0, 1, BATCH, LENGTH, config.hiddenSize());
    weights.put("x", input);
    DoubleTwin twin = new DoubleTwin(config, TwinWeights.values(weights));
    double[] expected = twin.mlpBlock(Blocks.LAYER, input.values());
    TwinArray seed = TwinWeights.normal(33, 0, 1, input.shape());
    Map<String, double[]> gradients =
        Comparison.differences(
            TwinWeights.values(weights),
            () -> Comparison.dot(seed.values(), twin.mlpBlock(Blocks.LAYER, input.values())));
    try (TensorScope scope = new TensorScope();
        GradMode on = GradMode.on()) {
      Map<String, Tensor> tensors = TwinWeights.tensors(weights, operations);
      tensors.values().forEach(t -> t.requireGradient(true));
      operations.createGradients(List.copyOf(tensors.values()));
      Tensor y = new Blocks(config, operations, tensors).mlp(tensors.get("x"));
      assertClose("values", y.detach().toFloats(), expected, Comparison.VALUES);
      y.backward(seed.tensor(operations));
      tensors.forEach(
          (name, tensor) ->
              assertClose(
                  name, tensor.gradient().toFloats(), gradients.get(name), Comparison.GRADIENTS));
    }
  }

  @ParameterizedTest
  @EnumSource(LoadBalancing.class)
  void loadBalancingAndItsGradientEqualTheTwin(LoadBalancing order) {
    ModelConfig config =
        Blocks.layer(2, 1, 6).withExperts(16, 3).with(e -> e.loadBalancing = order);
    boolean[] all = new boolean[BATCH * LENGTH];
    java.util.Arrays.fill(all, true);
    boolean[] some = {true, true, false, true, true, false, true, false};
    for (boolean[] counted : List.of(all, some)) {
      compareLoadBalancing(config, counted, counted == some);
    }
  }

  /** Two layers of their own weights and inputs; the loss is of both together. */
  private void compareLoadBalancing(ModelConfig config, boolean[] counted, boolean masked) {
    var first = TwinWeights.of(config, 41);
    var second = TwinWeights.of(config, 42);
    TwinArray input = TwinWeights.normal(43, 0, 1, BATCH, LENGTH, config.hiddenSize());
    DoubleTwin twin = new DoubleTwin(config, TwinWeights.values(first));
    DoubleTwin secondTwin = new DoubleTwin(config, TwinWeights.values(second));
    var loss =
        (java.util.function.DoubleSupplier)
            () ->
                TwinExperts.loadBalancing(
                    config,
                    List.of(
                        twin.expertScores(Blocks.LAYER, input.values()),
                        secondTwin.expertScores(Blocks.LAYER, input.values())),
                    counted);
    String router = Blocks.LAYER + "mlp.router_gate.weight";
    double[] expected = {loss.getAsDouble()};
    double[] gradient = Comparison.differences(first.get(router).values(), loss);
    double[] inputGradient = Comparison.differences(input.values(), loss);
    try (TensorScope scope = new TensorScope();
        GradMode on = GradMode.on()) {
      Map<String, Tensor> tensors = TwinWeights.tensors(first, operations);
      Tensor x = input.tensor(operations);
      x.requireGradient(true);
      tensors.get(router).requireGradient(true);
      List<Tensor> scores = new ArrayList<>();
      scores.add(new Blocks(config, operations, tensors).experts(x)[1]);
      scores.add(
          new Blocks(config, operations, TwinWeights.tensors(second, operations)).experts(x)[1]);
      Tensor aux =
          operations.loadBalancingLoss(
              scores,
              config.numExpertsPerTok(),
              config.loadBalancing() == LoadBalancing.RANK_ORDER,
              masked ? List.of(mask(counted)) : List.of());
      assertClose("loss", new float[] {(float) aux.item()}, expected, Comparison.VALUES);
      aux.backward(operations.floats(new float[] {1}));
      assertClose("router", tensors.get(router).gradient().toFloats(), gradient, 3e-5);
      assertClose("input", x.gradient().toFloats(), inputGradient, 3e-5);
    }
  }

  private Tensor mask(boolean[] counted) {
    long[] mask = new long[counted.length];
    for (int n = 0; n < mask.length; n++) {
      mask[n] = counted[n] ? 1 : 0;
    }
    return operations.longs(mask, mask.length);
  }

  @Test
  void rmsNormEqualsTheTwinAtItsExtremes() {
    TwinArray weight = TwinWeights.normal(51, 1, 0.2, 10);
    for (double size : new double[] {1e-6, 1, 1e6}) { // 1e-6: eps is what counts
      TwinArray x = TwinWeights.normal(52, 0, size, 3, 10);
      double[] expected = new double[30];
      for (int n = 0; n < 3; n++) {
        double[] row = TwinMath.rmsNorm(TwinMath.row(x.values(), n, 10), weight.values(), 1e-6);
        System.arraycopy(row, 0, expected, n * 10, 10);
      }
      try (TensorScope scope = new TensorScope()) {
        Tensor y = operations.rmsNorm(x.tensor(operations), weight.tensor(operations), 1e-6);
        assertClose("of size " + size, y.toFloats(), expected, 1e-6); // some ten fp32 roundings
      }
    }
  }
}
