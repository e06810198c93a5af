package dev.smalldoge.torch;

import static dev.smalldoge.torch.Comparison.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The head's losses and the gradients that it computes itself, against the double twin. */
class HeadTwinTest {
  private static final int TOKENS = 7;
  private static final int WIDTH = 6;
  private static final int VOCABULARY = 9;
  private static final double SCALE = 1.0 / 5;
  private static final long[] LABELS = {3, -100, 0, 8, 8, -100, 1};

  private final Operations operations = Operations.on(Device.CPU);
  private final TwinArray hidden = TwinWeights.normal(61, 0, 1, TOKENS, WIDTH);
  private final TwinArray weight = TwinWeights.normal(62, 0, 1, VOCABULARY, WIDTH);
  private final TwinArray factors = TwinWeights.normal(63, 0, 1, TOKENS);

  private double logProbability(int token) {
    double[] logits =
        TwinMath.linear(TwinMath.row(hidden.values(), token, WIDTH), weight.values(), null);
    return DoubleTwin.logProbability(logits, LABELS[token]);
  }

  private double[] logProbabilities() {
    return java.util.stream.IntStream.range(0, TOKENS).mapToDouble(this::logProbability).toArray();
  }

  private double nats() {
    return -java.util.stream.DoubleStream.of(logProbabilities()).sum();
  }

  /** Labels that no other token is likelier than. */
  private double hits() {
    int hits = 0;
    for (int t = 0; t < TOKENS; t++) {
      double[] logits =
          TwinMath.linear(TwinMath.row(hidden.values(), t, WIDTH), weight.values(), null);
      double best = java.util.Arrays.stream(logits).max().orElseThrow();
      hits += LABELS[t] >= 0 && logits[(int) LABELS[t]] == best ? 1 : 0;
    }
    return hits;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 7, 100}) // one token a chunk; a rest; exactly all; more than all
  void lossAndGradientsEqualTheTwinForEveryChunk(int chunk) {
    DoubleSupplier loss = () -> SCALE * nats();
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Tensor weightGradient = TwinWeights.normal(64, 0, 1, VOCABULARY, WIDTH).tensor(operations);
      float[] before = weightGradient.toFloats();
      Tensor[] result =
          operations
              .head()
              .loss(
                  hidden.tensor(operations),
                  weight.tensor(operations),
                  labels(),
                  SCALE,
                  chunk,
                  true,
                  true,
                  List.of(weightGradient));
      // the logits are fp32; only their sum is fp64
      assertThat(result[0].item()).isCloseTo(nats(), within(1e-6 * nats()));
      assertThat(result[2].item()).isEqualTo(hits());
      double[] expected = Comparison.differences(hidden.values(), loss);
      assertClose("hidden", result[1].toFloats(), expected, Comparison.GRADIENTS);
      double[] added = Comparison.differences(weight.values(), loss);
      for (int i = 0; i < added.length; i++) {
        added[i] += before[i];
      }
      assertClose("weight, added to", weightGradient.toFloats(), added, Comparison.GRADIENTS);
    }
  }

  private Tensor labels() {
    return operations.longs(LABELS, TOKENS);
  }

  @Test
  void lossWithoutGradientsLeavesEverythingAlone() {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Tensor h = hidden.tensor(operations);
      Tensor w = weight.tensor(operations);
      double nats = operations.head().loss(h, w, labels(), 1, 3, false, false, List.of())[0].item();
      assertThat(nats).isCloseTo(nats(), within(1e-6 * nats()));
      assertThat(h.toFloats()).isEqualTo(Comparison.floats(hidden.values()));
      assertThat(w.toFloats()).isEqualTo(Comparison.floats(weight.values()));
    }
  }

  @Test
  void nothingCountedIsZeroAndNotNan() {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Tensor gradient = operations.zeros(DType.FLOAT32, VOCABULARY, WIDTH);
      Tensor none = operations.longs(new long[] {-100, -100, -100, -100, -100, -100, -100}, TOKENS);
      Tensor[] result =
          operations
              .head()
              .loss(
                  hidden.tensor(operations),
                  weight.tensor(operations),
                  none,
                  1,
                  3,
                  true,
                  true,
                  List.of(gradient));
      assertThat(result[0].item()).isZero();
      assertThat(result[2].item()).isZero();
      assertThat(result[1].toFloats()).containsOnly(0);
      assertThat(gradient.toFloats()).containsOnly(0);
    }
  }

  @Test
  void hugeLogitsStayFinite() {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Tensor[] result =
          operations
              .head()
              .loss(
                  operations.floats(new float[] {1000}, 1, 1),
                  operations.floats(new float[] {1000, -1000}, 2, 1),
                  operations.longs(new long[] {1}, 1),
                  1,
                  4,
                  true,
                  false,
                  List.of());
      assertThat(result[0].item()).isEqualTo(2e6);
      assertThat(result[1].toFloats()).containsExactly(2000); // 1 · 1000 − 1 · −1000
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 7, 100})
  void logProbabilitiesAndTheirGradientsEqualTheTwin(int chunk) {
    DoubleSupplier sum = () -> Comparison.dot(factors.values(), logProbabilities());
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Tensor h = hidden.tensor(operations);
      Tensor w = weight.tensor(operations);
      assertClose(
          "log-probabilities",
          operations.head().logProbabilities(h, w, labels(), chunk).toFloats(),
          logProbabilities(),
          1e-6);
      Tensor weightGradient = operations.zeros(DType.FLOAT32, VOCABULARY, WIDTH);
      Tensor gradient =
          operations
              .head()
              .logProbabilitiesBackward(
                  h, w, labels(), factors.tensor(operations), chunk, List.of(weightGradient));
      double[] expected = Comparison.differences(hidden.values(), sum);
      assertClose("hidden", gradient.toFloats(), expected, Comparison.GRADIENTS);
      double[] ofWeight = Comparison.differences(weight.values(), sum);
      assertClose("weight", weightGradient.toFloats(), ofWeight, Comparison.GRADIENTS);
    }
  }

  @Test
  void theLossIsTheLogProbabilitiesWithEqualFactors() {
    float[] equal = new float[TOKENS];
    java.util.Arrays.fill(equal, (float) -SCALE);
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Tensor h = hidden.tensor(operations);
      Tensor w = weight.tensor(operations);
      Tensor loss = operations.head().loss(h, w, labels(), SCALE, 3, true, false, List.of())[1];
      Tensor logs =
          operations
              .head()
              .logProbabilitiesBackward(
                  h, w, labels(), operations.floats(equal, TOKENS), 4, List.of());
      double[] expected = new double[TOKENS * WIDTH];
      for (int i = 0; i < expected.length; i++) {
        expected[i] = loss.toFloats()[i];
      }
      assertClose("hidden", logs.toFloats(), expected, 2e-6); // two orders of fp32 steps
    }
  }

  @Test
  void autogradOfLogProbabilitiesEqualsTheHandWrittenGradient() {
    try (TensorScope scope = new TensorScope();
        GradMode on = GradMode.on()) {
      Tensor h = hidden.tensor(operations);
      h.requireGradient(true);
      Tensor logits = operations.linear(h, weight.tensor(operations));
      operations
          .head()
          .labelLogProbabilities(logits, labels())
          .backward(factors.tensor(operations));
      double[] expected =
          Comparison.differences(
              hidden.values(), () -> Comparison.dot(factors.values(), logProbabilities()));
      assertClose("hidden", h.gradient().toFloats(), expected, Comparison.GRADIENTS);
    }
  }

  @Test
  void nextLabelsMovesEachRowAndTrainsNoRowEnd() {
    try (TensorScope scope = new TensorScope()) {
      Tensor next =
          operations.head().nextLabels(operations.longs(new long[] {1, 2, -100, 4, 5, 6}, 2, 3));
      assertThat(next.toLongs()).containsExactly(2, -100, -100, 5, 6, -100);
    }
  }
}
