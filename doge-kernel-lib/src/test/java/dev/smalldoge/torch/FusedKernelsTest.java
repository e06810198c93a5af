package dev.smalldoge.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.torch.FusedHead.Found;
import dev.smalldoge.torch.FusedKernels.Normed;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Each kernel against the same formula in double, on fresh random inputs already rounded to bf16.
 * What is compared has been rounded to bf16 once, 2^-9 relative at most; sums in fp32 add less.
 * Needs a GPU. Folding and attention are tested with the step as a whole, in FusedStepTest.
 */
@Tag("gpu")
class FusedKernelsTest {
  private static final int ROWS = 37;
  private static final int WIDTH = 512;
  private static final double EPS = 1e-6;

  /** In the norm of the whole array: half the worst case of one rounding. */
  private static final double ROUNDED = 2.5e-3;

  /** FLOAT32 sums over tens of rows of exact products. */
  private static final double EXACT = 1e-5;

  private final Random random = new Random();
  private final TensorScope scope = new TensorScope();
  private Operations operations;
  private FusedKernels kernels;

  @BeforeEach
  void kernels() {
    operations = Operations.on(Device.gpu(0));
    kernels = FusedKernels.of(operations, new FusedKernels.Shape(WIDTH, 4, 2)).orElseThrow();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @Test
  void addsAndNormalises() {
    Narrow x = narrow(ROWS, WIDTH);
    Narrow branch = narrow(ROWS, WIDTH);
    Wide residual = wide(WIDTH);
    Wide weight = wide(WIDTH);
    Normed out = normed();
    kernels.addNorm(x.tensor, residual.tensor, branch.tensor, weight.tensor, out, ROWS, EPS);
    double[] sum = new double[ROWS * WIDTH];
    for (int i = 0; i < sum.length; i++) {
      sum[i] = residual.values[i % WIDTH] * (double) x.values[i] + branch.values[i];
    }
    float[] rounded = floats(out.sum());
    assertThat(error(sum, rounded)).isLessThan(ROUNDED);
    double[] normed = new double[sum.length];
    double[] inverse = new double[ROWS];
    for (int row = 0; row < ROWS; row++) {
      inverse[row] = inverse(rounded, row);
      for (int c = 0; c < WIDTH; c++) {
        int i = row * WIDTH + c;
        normed[i] = weight.values[c] * rounded[i] * inverse[row];
      }
    }
    assertThat(error(normed, floats(out.normed()))).isLessThan(ROUNDED);
    assertThat(error(inverse, out.inverse().toFloats())).isLessThan(EXACT);
  }

  @Test
  void goesBackThroughTheNorm() {
    Narrow sum = narrow(ROWS, WIDTH);
    Narrow dnormed = narrow(ROWS, WIDTH);
    Narrow downstream = narrow(ROWS, WIDTH);
    Wide residual = wide(WIDTH);
    Wide weight = wide(WIDTH);
    Wide dweight = wide(WIDTH);
    Wide dresidual = wide(WIDTH);
    float[] inverses = new float[ROWS];
    double[] dsum = new double[ROWS * WIDTH];
    double[] weightGradient = widened(dweight.values);
    double[] residualGradient = widened(dresidual.values);
    for (int row = 0; row < ROWS; row++) {
      double inverse = inverse(sum.values, row);
      inverses[row] = (float) inverse;
      double product = 0;
      for (int c = 0; c < WIDTH; c++) {
        int i = row * WIDTH + c;
        double n = sum.values[i] * inverse;
        product += dnormed.values[i] * (double) weight.values[c] * n / WIDTH;
        weightGradient[c] += dnormed.values[i] * n;
        residualGradient[c] += downstream.values[i] * (double) sum.values[i];
      }
      for (int c = 0; c < WIDTH; c++) {
        int i = row * WIDTH + c;
        double back = dnormed.values[i] * (double) weight.values[c];
        dsum[i] = inverse * (back - sum.values[i] * inverse * product);
        dsum[i] += residual.values[c] * (double) downstream.values[i];
      }
    }
    Tensor found = operations.zeros(DType.BFLOAT16, ROWS, WIDTH);
    kernels.addNormBackward(
        dnormed.tensor,
        downstream.tensor,
        residual.tensor,
        new Normed(sum.tensor, null, operations.floats(inverses, ROWS)),
        weight.tensor,
        found,
        dweight.tensor,
        dresidual.tensor,
        ROWS);
    assertThat(error(dsum, floats(found))).isLessThan(ROUNDED);
    assertThat(error(weightGradient, dweight.tensor.toFloats())).isLessThan(EXACT);
    assertThat(error(residualGradient, dresidual.tensor.toFloats())).isLessThan(EXACT);
  }

  @Test
  void gates() {
    Narrow both = narrow(ROWS, 2 * WIDTH);
    Narrow dout = narrow(ROWS, WIDTH);
    Tensor out = operations.zeros(DType.BFLOAT16, ROWS, WIDTH);
    kernels.swiglu(both.tensor, out, ROWS, WIDTH);
    double[] product = new double[ROWS * WIDTH];
    double[] gradient = new double[2 * ROWS * WIDTH];
    for (int row = 0; row < ROWS; row++) {
      for (int c = 0; c < WIDTH; c++) {
        int gate = row * 2 * WIDTH + c;
        double g = both.values[gate];
        double u = both.values[gate + WIDTH];
        double d = dout.values[row * WIDTH + c];
        double sigmoid = 1 / (1 + Math.exp(-g));
        product[row * WIDTH + c] = g * sigmoid * u;
        gradient[gate] = d * u * sigmoid * (1 + g * (1 - sigmoid));
        gradient[gate + WIDTH] = d * g * sigmoid;
      }
    }
    assertThat(error(product, floats(out))).isLessThan(ROUNDED);
    kernels.swigluBackward(both.tensor, dout.tensor, ROWS, WIDTH);
    assertThat(error(gradient, floats(both.tensor))).isLessThan(ROUNDED);
    assertThat(error(product, floats(dout.tensor))).isLessThan(ROUNDED);
  }

  @Test
  void takesTheLossOfShortAndLongRows() {
    crossEntropy(ROWS, 1_000); // within the registers
    crossEntropy(ROWS, 40_008); // beyond them
    crossEntropy(1_201, 4_104); // several rows a block, some of them not trained on
  }

  private void crossEntropy(int rows, int vocab) {
    Narrow logits = narrow(rows, vocab);
    long[] labels = new long[rows];
    double[] losses = new double[rows];
    float[] hits = new float[rows];
    double[] gradient = new double[rows * vocab];
    for (int row = 0; row < rows; row++) {
      int at = row * vocab;
      // of equal numbers, which bf16 has many of, the first
      int likeliest = likeliest(Arrays.copyOfRange(logits.values, at, at + vocab));
      int last = vocab - 1;
      while (logits.values[at + last] < logits.values[at + likeliest]) {
        last--;
      }
      labels[row] = new long[] {-100, likeliest, last, last, random.nextInt(vocab)}[row % 5];
      hits[row] = labels[row] == likeliest ? 1 : 0;
      if (labels[row] < 0) {
        continue;
      }
      double total = 0;
      for (int c = 0; c < vocab; c++) {
        total += Math.exp(logits.values[at + c]);
      }
      losses[row] = Math.log(total) - logits.values[at + (int) labels[row]];
      for (int c = 0; c < vocab; c++) {
        double likely = Math.exp(logits.values[at + c]) / total;
        gradient[at + c] = 0.5 * (likely - (c == labels[row] ? 1 : 0));
      }
    }
    Tensor next = operations.longs(labels, rows);
    kernels.head().scale(0.5);
    Tensor again = operations.copyOf(logits.tensor);
    scores(operations.copyOf(logits.tensor), next, losses, hits, gradient);
    Found found = new Found(operations.zeros(DType.FLOAT32, rows), null);
    kernels.head().crossEntropy(logits.tensor, next, found, 0, rows, vocab);
    assertThat(error(losses, found.losses().toFloats())).isLessThan(EXACT);
    assertThat(error(gradient, floats(logits.tensor))).isLessThan(ROUNDED);

    Found counted =
        new Found(
            operations.zeros(DType.FLOAT32, rows), operations.normal(1, rows)); // all overwritten
    kernels.head().crossEntropy(again, next, counted, 0, rows, vocab);
    assertThat(counted.hits().toFloats()).isEqualTo(hits);
    assertThat(error(losses, counted.losses().toFloats())).isLessThan(EXACT);
    assertThat(error(gradient, floats(again))).isLessThan(ROUNDED);
  }

  /** Given the losses, the hits, and the losses' gradients halved. */
  private void scores(Tensor logits, Tensor next, double[] losses, float[] hits, double... halved) {
    int rows = losses.length;
    int vocab = halved.length / rows;
    double[] scores = Arrays.stream(losses).map(loss -> -loss).toArray();
    Found found = new Found(operations.normal(1, rows), null); // all overwritten
    kernels.head().score(logits, next, found, 0, rows);
    assertThat(error(scores, found.losses().toFloats())).isLessThan(EXACT);
    Found counted = new Found(operations.normal(1, rows), operations.normal(1, rows));
    kernels.head().score(logits, next, counted, 0, rows); // of logits that have stayed
    assertThat(error(scores, counted.losses().toFloats())).isLessThan(EXACT);
    assertThat(counted.hits().toFloats()).isEqualTo(hits);

    float[] factors = new float[rows];
    double[] gradient = new double[halved.length];
    for (int row = 0; row < rows; row++) {
      factors[row] = row % 7 == 3 ? 0 : (float) random.nextGaussian();
      for (int c = row * vocab; c < (row + 1) * vocab; c++) {
        gradient[c] = -2 * factors[row] * halved[c];
      }
    }
    kernels.head().scoreBackward(logits, next, operations.floats(factors, rows), 0, rows);
    assertThat(error(gradient, floats(logits))).isLessThan(ROUNDED);
  }

  @Test
  void gradientsOfALossAreOfItsWholeFactor() {
    int rows = 2_000; // two chunks
    int vocab = 256;
    double factor = 1.0 / 65_408; // which bf16 would round by 0.2 %, and every label alike
    Narrow states = narrow(rows, WIDTH);
    Narrow weight = thirtySecond(narrow(vocab, WIDTH)); // or else one logit is all of a row
    long[] labels = new long[rows];
    double[] dstates = new double[rows * WIDTH];
    double[] dweight = new double[vocab * WIDTH];
    for (int row = 0; row < rows; row++) {
      labels[row] = random.nextInt(vocab);
      double[] logits = new double[vocab];
      double total = 0;
      for (int v = 0; v < vocab; v++) {
        for (int c = 0; c < WIDTH; c++) {
          logits[v] += states.values[row * WIDTH + c] * (double) weight.values[v * WIDTH + c];
        }
        logits[v] = Math.exp(logits[v]);
        total += logits[v];
      }
      for (int v = 0; v < vocab; v++) {
        double error = factor * (logits[v] / total - (v == labels[row] ? 1 : 0));
        for (int c = 0; c < WIDTH; c++) {
          dstates[row * WIDTH + c] += error * weight.values[v * WIDTH + c];
          dweight[v * WIDTH + c] += error * states.values[row * WIDTH + c];
        }
      }
    }
    Tensor foundStates = operations.zeros(DType.BFLOAT16, rows, WIDTH);
    Tensor foundWeight = operations.zeros(DType.FLOAT32, vocab, WIDTH);
    kernels.head().scale(factor);
    kernels
        .head()
        .headLoss(
            states.tensor,
            weight.tensor,
            operations.longs(labels, rows),
            operations.zeros(DType.BFLOAT16, 1_024, vocab),
            new Found(operations.zeros(DType.FLOAT32, rows), null),
            foundStates,
            foundWeight);
    assertThat(along(dstates, floats(foundStates))).isCloseTo(1, within(3e-4));
    assertThat(along(dweight, foundWeight.toFloats())).isCloseTo(1, within(3e-4));
  }

  /** How long an array is found along what it should be. */
  private static double along(double[] expected, float[] found) {
    double product = 0;
    double square = 0;
    for (int i = 0; i < expected.length; i++) {
      product += expected[i] * found[i];
      square += expected[i] * expected[i];
    }
    return product / square;
  }

  private static int likeliest(float... logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }

  @Test
  void multipliesAndAddsGradients() {
    int out = 96;
    Narrow x = narrow(ROWS, WIDTH);
    Narrow weight = narrow(out, WIDTH);
    Narrow dy = narrow(ROWS, out);
    Wide dweight = wide(out * WIDTH);
    double[] y = new double[ROWS * out];
    double[] dx = new double[ROWS * WIDTH];
    double[] expected = widened(dweight.values);
    for (int row = 0; row < ROWS; row++) {
      for (int o = 0; o < out; o++) {
        for (int c = 0; c < WIDTH; c++) {
          double w = weight.values[o * WIDTH + c];
          y[row * out + o] += x.values[row * WIDTH + c] * w;
          dx[row * WIDTH + c] += dy.values[row * out + o] * w;
          expected[o * WIDTH + c] += dy.values[row * out + o] * (double) x.values[row * WIDTH + c];
        }
      }
    }
    Tensor foundY = operations.zeros(DType.BFLOAT16, ROWS, out);
    Tensor foundDx = operations.zeros(DType.BFLOAT16, ROWS, WIDTH);
    kernels.linear(x.tensor, weight.tensor, foundY, ROWS, WIDTH, out);
    kernels.linearBackward(dy.tensor, weight.tensor, foundDx, ROWS, WIDTH, out);
    kernels.addWeightGradient(dy.tensor, x.tensor, dweight.tensor, ROWS, WIDTH, out);
    assertThat(error(y, floats(foundY))).isLessThan(ROUNDED);
    assertThat(error(dx, floats(foundDx))).isLessThan(ROUNDED);
    assertThat(error(expected, dweight.tensor.toFloats())).isLessThan(EXACT);
  }

  @Test
  void scattersIntoTheEmbedding() {
    int vocab = 11; // so that most ids come several times
    Narrow dx = narrow(ROWS, WIDTH);
    Wide gradient = wide(vocab * WIDTH);
    double[] expected = widened(gradient.values);
    long[] ids = new long[ROWS];
    for (int row = 0; row < ROWS; row++) {
      ids[row] = random.nextInt(vocab);
      for (int c = 0; c < WIDTH && ids[row] != 2; c++) {
        expected[(int) ids[row] * WIDTH + c] += dx.values[row * WIDTH + c];
      }
    }
    kernels.head().embedBackward(dx.tensor, operations.longs(ids, ROWS), gradient.tensor, ROWS, 2);
    assertThat(error(expected, gradient.tensor.toFloats())).isLessThan(EXACT);
  }

  /** A bf16 array and its exact values. */
  private static final class Narrow {
    final Tensor tensor;
    final float[] values;

    Narrow(Tensor tensor, float[] values) {
      this.tensor = tensor;
      this.values = values;
    }
  }

  /** A FLOAT32 array and its values at first. */
  private static final class Wide {
    final Tensor tensor;
    final float[] values;

    Wide(Tensor tensor, float[] values) {
      this.tensor = tensor;
      this.values = values;
    }
  }

  private Narrow thirtySecond(Narrow of) {
    float[] values = new float[of.values.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = of.values[i] / 32; // as exact as before
    }
    Tensor wide = operations.floats(values, of.tensor.shape());
    return new Narrow(operations.cast(wide, DType.BFLOAT16), values);
  }

  private Narrow narrow(int rows, int width) {
    Wide drawn = wide(rows * width);
    Tensor tensor = operations.view(operations.cast(drawn.tensor, DType.BFLOAT16), rows, width);
    return new Narrow(tensor, floats(tensor));
  }

  private Wide wide(int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return new Wide(operations.floats(values, size), values);
  }

  private Normed normed() {
    return new Normed(
        operations.zeros(DType.BFLOAT16, ROWS, WIDTH),
        operations.zeros(DType.BFLOAT16, ROWS, WIDTH),
        operations.zeros(DType.FLOAT32, ROWS));
  }

  private float[] floats(Tensor narrow) {
    return operations.cast(narrow, DType.FLOAT32).toFloats();
  }

  private static double inverse(float[] values, int row) {
    double squares = 0;
    for (int c = 0; c < WIDTH; c++) {
      squares += Math.pow(values[row * WIDTH + c], 2);
    }
    return 1 / Math.sqrt(squares / WIDTH + EPS);
  }

  private static double[] widened(float[] values) {
    double[] wide = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      wide[i] = values[i];
    }
    return wide;
  }

  private static double error(double[] expected, float[] found) {
    double difference = 0;
    double size = 0;
    for (int i = 0; i < expected.length; i++) {
      difference += Math.pow(expected[i] - found[i], 2);
      size += Math.pow(expected[i], 2);
    }
    double error = Math.sqrt(difference / size);
    return Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
  }
}
