package dev.smalldoge.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.torch.Operations.AttentionWeights;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What dropout drops: the share that was asked for, the rest enlarged, so that means stay. */
class DropoutTest {
  private static final double SHARE = 0.3;
  private static final int ROWS = 200;
  private static final int WIDTH = 16;

  private final Operations operations = Operations.on(Device.CPU);

  private Tensor weight(long seed, long... shape) {
    return TwinWeights.normal(seed, 0, 0.5, shape).tensor(operations);
  }

  private Tensor filled(float value) {
    float[] values = new float[WIDTH];
    java.util.Arrays.fill(values, value);
    return operations.floats(values, WIDTH);
  }

  @Test
  void hiddenDropoutDropsItsShareOfTheBranch() {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Tensor x = weight(1, ROWS, 1, WIDTH);
      List<Tensor> projections =
          List.of(weight(2, 8, WIDTH), weight(3, 8, WIDTH), weight(4, WIDTH, 8));
      float[] whole = mlp(x, projections, 0);
      Torch.setSeed(5);
      float[] some = mlp(x, projections, SHARE);
      Torch.setSeed(5);
      assertThat(mlp(x, projections, SHARE)).as("same seed").isEqualTo(some);
      expectShare(whole, some, ROWS * WIDTH);
    }
  }

  /** residual 0, so that the branch is all there is. */
  private float[] mlp(Tensor x, List<Tensor> projections, double dropout) {
    return operations
        .mlpBlock(x, filled(1), filled(0), projections, List.of(), 1e-6, dropout)
        .toFloats();
  }

  /** One token a row: its only attention weight is 1, kept enlarged or dropped with all of v. */
  @Test
  void attentionDropoutDropsItsShareOfTheWeights() {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Tensor x = weight(6, ROWS, 1, WIDTH);
      float[] whole = attention(x, 0);
      Torch.setSeed(7);
      float[] some = attention(x, SHARE);
      int dropped = 0;
      for (int row = 0; row < ROWS; row++) {
        boolean zero = some[row * WIDTH] == 0;
        dropped += zero ? 1 : 0;
        for (int i = 0; i < WIDTH; i++) {
          double expected = zero ? 0 : whole[row * WIDTH + i] / (1 - SHARE);
          assertThat((double) some[row * WIDTH + i]).isCloseTo(expected, within(1e-5));
        }
      }
      expectCount(dropped, ROWS);
    }
  }

  /** One head of width 16. */
  private float[] attention(Tensor x, double dropout) {
    List<Tensor> projections =
        List.of(
            weight(11, WIDTH, WIDTH),
            weight(12, WIDTH, WIDTH),
            weight(13, WIDTH, WIDTH),
            weight(14, WIDTH, WIDTH),
            weight(15, 1, WIDTH),
            weight(16, 1),
            filled(1),
            filled(1));
    AttentionWeights weights =
        new AttentionWeights(filled(1), filled(0), projections, List.of(), 1, 1, 1e-6, 64, 0);
    Tensor cos = operations.floats(filled(1).toFloats(), 1, WIDTH);
    Tensor sin = operations.floats(filled(0).toFloats(), 1, WIDTH);
    AttentionMask mask = new AttentionMask(false, List.of(), List.of(), List.of());
    return operations.attentionBlock(x, weights, cos, sin, mask, dropout, 0).toFloats();
  }

  private static void expectShare(float[] whole, float[] some, int count) {
    int dropped = 0;
    for (int i = 0; i < count; i++) {
      if (some[i] == 0) {
        dropped++;
      } else {
        assertThat((double) some[i]).isCloseTo(whole[i] / (1 - SHARE), within(1e-5));
      }
    }
    expectCount(dropped, count);
  }

  /** Within five standard deviations of the binomial; the seed is fixed, so it holds or not. */
  private static void expectCount(int dropped, int count) {
    double deviation = Math.sqrt(count * SHARE * (1 - SHARE));
    assertThat((double) dropped).isCloseTo(count * SHARE, within(5 * deviation));
  }
}
