package dev.smalldoge.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The preference losses and their derivatives against plain doubles. */
class PreferenceTwinTest {
  private static final int PAIRS = 3;
  private static final int LENGTH = 4;
  private static final double[] LENGTHS = {4, 2, 3, 1, 4, 2};

  private final Operations operations = Operations.on(Device.CPU);
  private final double[] logs = logProbabilities();
  private final double[] reference =
      TwinWeights.normal(91, -6, 2, 2 * PAIRS).values(); // sums over answers

  /** Log-probabilities of answers, each row as long as LENGTHS says, 0 behind. */
  private static double[] logProbabilities() {
    double[] logs = TwinWeights.normal(92, 0, 1, 2 * PAIRS * LENGTH).values();
    for (int i = 0; i < logs.length; i++) {
      logs[i] = i % LENGTH < LENGTHS[i / LENGTH] ? (float) (-2 * Math.abs(logs[i]) - 0.1) : 0;
    }
    return logs;
  }

  /** The formulas of arXiv:2305.18290 (with label smoothing) and arXiv:2310.12036. */
  private double loss(double beta, double smoothing, boolean ipo) {
    double sum = 0;
    for (int pair = 0; pair < PAIRS; pair++) {
      double margin = ratio(pair, ipo) - ratio(PAIRS + pair, ipo);
      if (ipo) {
        double error = margin - 1 / (2 * beta);
        sum += error * error;
      } else {
        double right = Math.log(1 + Math.exp(-beta * margin));
        double wrong = Math.log(1 + Math.exp(beta * margin));
        sum += (1 - smoothing) * right + smoothing * wrong;
      }
    }
    return sum;
  }

  private double ratio(int row, boolean perToken) {
    double ratio = policy(row) - reference[row];
    return perToken ? ratio / LENGTHS[row] : ratio;
  }

  private double policy(int row) {
    return Arrays.stream(logs, row * LENGTH, (row + 1) * LENGTH).sum();
  }

  private Tensor doubles(double... values) {
    return operations.cast(
        operations.floats(Comparison.floats(values), values.length), DType.FLOAT64);
  }

  private Tensor[] compute(double beta, double smoothing, boolean ipo, double scale) {
    return operations
        .fineTuning()
        .preferenceLoss(
            operations.floats(Comparison.floats(logs), logs.length),
            doubles(reference),
            doubles(LENGTHS),
            beta,
            smoothing,
            ipo,
            scale);
  }

  private static double[] values(Tensor doubles) {
    double[] values = new double[(int) doubles.size()];
    doubles.toBytes().asDoubleBuffer().get(values);
    return values;
  }

  @ParameterizedTest
  @CsvSource({"0.1, 0, false", "0.5, 0, false", "0.1, 0.2, false", "0.1, 0, true", "1, 0, true"})
  void lossFiguresAndDerivativeEqualTheTwin(double beta, double smoothing, boolean ipo) {
    DoubleSupplier loss = () -> 0.25 * loss(beta, smoothing, ipo);
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Tensor[] result = compute(beta, smoothing, ipo, 0.25);
      double[] figures = values(result[1]);
      double expected = loss(beta, smoothing, ipo);
      assertThat(figures[0]).isCloseTo(expected, within(1e-6 * Math.max(1, expected)));
      double[] derivative = Comparison.differences(logs, loss);
      float[] found = result[0].toFloats();
      for (int i = 0; i < found.length; i++) {
        assertThat(found[i]).as("%d", i).isCloseTo((float) derivative[i], within(1e-6f));
      }
    }
  }

  @Test
  void figuresAreSumsOverThePairs() {
    double margin = 0;
    double above = 0;
    double chosen = 0;
    double rejected = 0;
    double departure = 0;
    for (int pair = 0; pair < PAIRS; pair++) {
      double m = ratio(pair, false) - ratio(PAIRS + pair, false);
      margin += 0.1 * m;
      above += m > 0 ? 1 : 0;
      chosen += policy(pair);
      rejected += policy(PAIRS + pair);
      departure -= (ratio(pair, false) + ratio(PAIRS + pair, false)) / 2;
    }
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      double[] figures = values(compute(0.1, 0, false, 1)[1]);
      double[] expected = {loss(0.1, 0, false), margin, above, chosen, rejected, departure};
      assertThat(figures).containsExactly(expected, within(1e-6));
    }
  }

  @Test
  void aPolicyThatIsTheReferenceHasTheLossOfAGuess() {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      for (int row = 0; row < reference.length; row++) {
        reference[row] = (float) policy(row); // within fp32 of the sum
      }
      double[] figures = values(compute(0.1, 0, false, 1)[1]);
      assertThat(figures[0]).isCloseTo(PAIRS * Math.log(2), within(1e-6));
    }
  }

  @Test
  void hugeMarginsStayFinite() {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      reference[0] = 1e6;
      reference[PAIRS] = -1e6;
      Tensor[] result = compute(1, 0.1, false, 1);
      assertThat(Arrays.stream(values(result[1])).allMatch(Double::isFinite)).isTrue();
      assertThat(result[0].toFloats()).doesNotContain(Float.NaN);
    }
  }
}
