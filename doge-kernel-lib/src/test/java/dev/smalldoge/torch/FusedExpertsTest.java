package dev.smalldoge.torch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.torch.FusedExperts.Choice;
import dev.smalldoge.torch.FusedExperts.ExpertWeights;
import dev.smalldoge.torch.FusedExperts.Room;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Routing and experts, there and back, against the formulas in doubles on fresh random inputs that
 * are already rounded to bf16. Needs a GPU.
 */
@Tag("gpu")
class FusedExpertsTest {
  private static final int ROWS = 61;

  /** In the norm of the whole array: half the worst case of one rounding to bf16. */
  private static final double ROUNDED = 2.5e-3;

  /** FLOAT32 sums, and exponentials of the fast kind, 2e-6 relative. */
  private static final double WIDE = 2e-5;

  private final Operations operations = Operations.on(Device.gpu(0));
  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);
  private int width;
  private int keys;
  private int chosen;

  /** A bf16 array and its values. */
  private static final class Narrow {
    final Tensor tensor;
    final float[] values;

    Narrow(Tensor tensor, float[] values) {
      this.tensor = tensor;
      this.values = values;
    }
  }

  private Narrow narrow(double deviation, int rows, int columns) {
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (deviation * random.nextGaussian());
    }
    Tensor tensor = operations.cast(operations.floats(values, rows, columns), DType.BFLOAT16);
    return new Narrow(tensor, floats(tensor));
  }

  private float[] floats(Tensor tensor) {
    return operations.cast(tensor, DType.FLOAT32).toFloats();
  }

  private Tensor zeros(int... shape) {
    return operations.zeros(DType.FLOAT32, Arrays.stream(shape).asLongStream().toArray());
  }

  @ParameterizedTest
  @CsvSource({"512, 12, 5", "256, 128, 64", "256, 4, 7", "1024, 32, 16"})
  void equalsTheFormulas(int d, int numKeys, int numChosen) {
    width = d;
    keys = numKeys;
    chosen = numChosen;
    try (TensorScope scope = new TensorScope()) {
      FusedExperts experts =
          FusedKernels.of(operations, new FusedKernels.Shape(d, 2, 1, keys, chosen))
              .orElseThrow()
              .experts()
              .orElseThrow();
      Narrow x = narrow(1, ROWS, d);
      Narrow router = narrow(1 / Math.sqrt(d), 2 * keys, d);
      Narrow down = narrow(1 / Math.sqrt(d), keys * keys, d);
      Narrow up = narrow(0.1, keys * keys, d);
      Narrow gradient = narrow(1, ROWS, d);
      final ExpertWeights weights = new ExpertWeights(router.tensor, down.tensor, up.tensor);
      Choice choice =
          new Choice(
              zeros(ROWS, 2 * keys), zeros(ROWS, chosen), zeros(ROWS, chosen), zeros(ROWS, chosen));
      Tensor out = operations.zeros(DType.BFLOAT16, ROWS, d);
      experts.forward(x.tensor, weights, choice, out, ROWS);

      final float[] scores = choice.scores().toFloats();
      assertThat(error(scores(x, router), scores)).as("scores, seed %d", seed).isLessThan(WIDE);
      int[][] ids = ids(scores);
      int[] found = new int[ROWS * chosen];
      choice.ids().toBytes().asIntBuffer().get(found);
      assertThat(found)
          .as("seed %d", seed)
          .isEqualTo(Arrays.stream(ids).flatMapToInt(Arrays::stream).toArray());

      float[] extra = new float[ROWS * 2 * keys];
      for (int i = 0; i < extra.length; i++) {
        extra[i] = (float) (0.1 * random.nextGaussian());
      }
      Twin twin = new Twin(x, router, down, up, gradient, scores, ids, extra);
      assertThat(error(twin.out, floats(out))).as("out, seed %d", seed).isLessThan(ROUNDED);

      ExpertWeights gradients =
          new ExpertWeights(zeros(2 * keys, d), zeros(keys * keys, d), zeros(keys * keys, d));
      Tensor dx = operations.zeros(DType.BFLOAT16, ROWS, d);
      Room room =
          new Room(
              operations.zeros(DType.BFLOAT16, ROWS, 2L * keys),
              zeros(ROWS, chosen),
              zeros(ROWS, chosen),
              zeros(ROWS, chosen));
      for (int times = 0; times < 2; times++) { // adds to what is there, and counts anew
        experts.backward(
            x.tensor,
            gradient.tensor,
            weights,
            choice,
            operations.floats(extra, ROWS, 2L * keys),
            dx,
            gradients,
            room,
            ROWS);
      }
      // dx is rounded after the experts' part and after the router's
      assertThat(error(twin.dx, floats(dx))).as("dx, seed %d", seed).isLessThan(2 * ROUNDED);
      assertThat(error(twin.ddown, gradients.down().toFloats())).as("down").isLessThan(WIDE);
      assertThat(error(twin.dup, gradients.up().toFloats())).as("up").isLessThan(WIDE);
      // its factor, the scores' gradient, is rounded
      assertThat(error(twin.drouter, gradients.router().toFloats())).isLessThan(ROUNDED);
    }
  }

  private double[] scores(Narrow x, Narrow router) {
    double[] scores = new double[ROWS * 2 * keys];
    for (int row = 0; row < ROWS; row++) {
      for (int key = 0; key < 2 * keys; key++) {
        scores[row * 2 * keys + key] = dot(x.values, row, router.values, key);
      }
    }
    return scores;
  }

  private double dot(float[] a, int rowOfA, float[] b, int rowOfB) {
    double sum = 0;
    for (int c = 0; c < width; c++) {
      sum += a[rowOfA * width + c] * (double) b[rowOfB * width + c];
    }
    return sum;
  }

  /** The best of all sums, best first, by going through all. */
  private int[][] ids(float[] scores) {
    int[][] ids = new int[ROWS][];
    for (int row = 0; row < ROWS; row++) {
      int at = row * 2 * keys;
      ids[row] =
          IntStream.range(0, keys * keys)
              .boxed()
              .sorted(
                  Comparator.comparing(
                      e -> -(scores[at + e / keys] + scores[at + keys + e % keys])))
              .limit(chosen)
              .mapToInt(Integer::intValue)
              .toArray();
    }
    return ids;
  }

  /** Everything in doubles, given the choice; gradients of two passes. */
  private final class Twin {
    final double[] out = new double[ROWS * width];
    final double[] dx = new double[ROWS * width];
    final double[] drouter = new double[2 * keys * width];
    final double[] ddown = new double[keys * keys * width];
    final double[] dup = new double[keys * keys * width];

    Twin(
        Narrow x,
        Narrow router,
        Narrow down,
        Narrow up,
        Narrow gradient,
        float[] scores,
        int[][] ids,
        float[] extra) {
      for (int row = 0; row < ROWS; row++) {
        double[] shares = shares(scores, row, ids[row]);
        double[] dshares = new double[chosen];
        for (int j = 0; j < chosen; j++) {
          int e = ids[row][j];
          double a = dot(x.values, row, down.values, e);
          double z = dot(gradient.values, row, up.values, e);
          double sigmoid = 1 / (1 + Math.exp(-a));
          double silu = a * sigmoid;
          double da = z * shares[j] * sigmoid * (1 + a * (1 - sigmoid));
          dshares[j] = z * silu;
          for (int c = 0; c < width; c++) {
            out[row * width + c] += shares[j] * silu * up.values[e * width + c];
            dx[row * width + c] += da * down.values[e * width + c];
            ddown[e * width + c] += 2 * da * x.values[row * width + c];
            dup[e * width + c] += 2 * shares[j] * silu * gradient.values[row * width + c];
          }
        }
        double[] dscores = new double[2 * keys];
        double product = 0;
        for (int j = 0; j < chosen; j++) {
          product += shares[j] * dshares[j];
        }
        for (int j = 0; j < chosen; j++) {
          double dscore = shares[j] * (dshares[j] - product);
          dscores[ids[row][j] / keys] += dscore;
          dscores[keys + ids[row][j] % keys] += dscore;
        }
        for (int key = 0; key < 2 * keys; key++) {
          dscores[key] += extra[row * 2 * keys + key];
          for (int c = 0; c < width; c++) {
            dx[row * width + c] += dscores[key] * router.values[key * width + c];
            drouter[key * width + c] += 2 * dscores[key] * x.values[row * width + c];
          }
        }
      }
    }

    private double[] shares(float[] scores, int row, int[] ids) {
      double[] shares = new double[chosen];
      double total = 0;
      for (int j = 0; j < chosen; j++) {
        int at = row * 2 * keys;
        shares[j] = Math.exp(scores[at + ids[j] / keys] + scores[at + keys + ids[j] % keys]);
        total += shares[j];
      }
      for (int j = 0; j < chosen; j++) {
        shares[j] /= total;
      }
      return shares;
    }
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
