package dev.smalldoge.torch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalldoge.torch.DecodeDraws.Draws;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The kernel that draws against the same rule in double, on fresh random logits. Needs a GPU. */
@Tag("gpu")
class DecodeDrawsTest {
  private static final int ROWS = 5;
  private static final int COLUMNS = 64;
  private static final int HIDDEN = 256;

  /** A token; near where FLOAT32 may well draw another. */
  private record Drawn(int token, boolean near) {}

  @ParameterizedTest
  @CsvSource({
    // vocabulary, spread of logits, top k, temperature, top p, min p
    "1000, 1, 0, 1, 1, 0",
    "1000, 4, 50, 0.8, 1, 0",
    "3000, 3, 0, 1, 0.9, 0",
    "32768, 3, 40, 0.9, 0.95, 0.05",
    "32768, 1, 0, 1.3, 0.3, 0",
    "40008, 2, 0, 1, 1, 0.1",
    "32768, 3, 1, 1, 1, 0"
  })
  void drawsTheTokenThatTheNumberPicks(
      int vocab, float spread, int topK, double temperature, double topP, double minP) {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    Operations operations = Operations.on(Device.gpu(0));
    DecodeKernels.Shape shape =
        new DecodeKernels.Shape(HIDDEN, 512, 2, 1, vocab, ROWS, COLUMNS, 0, 1e-6);
    try (TensorScope scope = new TensorScope();
        DecodeKernels kernels = DecodeKernels.of(operations, shape).orElseThrow()) {
      float[] logits = new float[ROWS * vocab];
      for (int i = 0; i < logits.length; i++) {
        logits[i] = spread * (float) random.nextGaussian();
      }
      float[] noise = new float[COLUMNS * ROWS];
      for (int i = 0; i < noise.length; i++) {
        noise[i] = random.nextInt(1 << 23) / (float) (1 << 23);
      }
      operations.copyInto(kernels.logits(), operations.floats(logits, ROWS, vocab));
      Tensor numbers = operations.floats(noise, COLUMNS, ROWS);
      Draws draws = new Draws(topK, temperature, topP, minP, numbers);
      kernels.enter();
      kernels.draws().set(draws);
      kernels.rule(0, 2, List.of());
      Tensor embedding = operations.cast(operations.normal(1, vocab, HIDDEN), DType.BFLOAT16);
      kernels.written().restart();
      kernels.begin(embedding, operations.zeros(DType.INT64, ROWS, 1), 0);
      try (CudaGraph step = kernels.record(() -> kernels.goOnDrawing(embedding))) {
        for (int i = 1; i < COLUMNS; i++) {
          step.launch();
        }
        kernels.written().mark(COLUMNS);
        long[][] written = kernels.written().read();
        int near = 0;
        for (int row = 0; row < ROWS; row++) {
          for (int column = 1; column < COLUMNS; column++) {
            float[] own = Arrays.copyOfRange(logits, row * vocab, (row + 1) * vocab);
            Drawn expected = twin(own, noise[column * ROWS + row], draws);
            near += expected.near ? 1 : 0;
            if (!expected.near) {
              assertThat(written[row][column])
                  .as("seed %d, row %d, column %d", seed, row, column)
                  .isEqualTo(expected.token);
            }
          }
        }
        assertThat(near).as("seed %d", seed).isLessThan(ROWS * COLUMNS / 4);
      }
    }
  }

  private static Drawn twin(float[] logits, double number, Draws draws) {
    int vocab = logits.length;
    double most = IntStream.range(0, vocab).mapToDouble(i -> logits[i]).max().getAsDouble();
    double[] weights = new double[vocab];
    for (int i = 0; i < vocab; i++) {
      weights[i] = Math.exp((logits[i] - most) / draws.temperature());
    }
    boolean near = false;
    int[] order =
        IntStream.range(0, vocab)
            .boxed()
            .sorted(Comparator.comparingDouble(i -> -logits[i]))
            .mapToInt(i -> i)
            .toArray();
    for (int rank = draws.topK(); draws.topK() > 0 && rank < vocab; rank++) {
      weights[order[rank]] = 0;
    }
    double all = sum(weights);
    double above = 0;
    for (int i : order) {
      double weight = weights[i];
      near |= draws.topP() < 1 && Math.abs(above / all - draws.topP()) < 2e-6;
      weights[i] = above < draws.topP() * all ? weight : 0;
      above += weight;
    }
    for (int i = 0; i < vocab; i++) {
      near |= draws.minP() > 0 && Math.abs(weights[i] / draws.minP() - 1) < 1e-5;
      weights[i] = weights[i] < draws.minP() ? 0 : weights[i];
    }
    double left = sum(weights);
    double sum = 0;
    for (int thread = 0; thread < DecodeDraws.THREADS; thread++) {
      for (int i = thread; i < vocab; i += DecodeDraws.THREADS) {
        sum += weights[i];
        near |= weights[i] > 0 && Math.abs(sum / left - number) < 1e-6;
        if (weights[i] > 0 && sum > number * left) {
          return new Drawn(i, near);
        }
      }
    }
    return new Drawn(order[0], true);
  }

  private static double sum(double... values) {
    double sum = 0;
    for (double value : values) {
      sum += value;
    }
    return sum;
  }
}
