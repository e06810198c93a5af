package dev.smalldoge.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.torch.GenerationOperations.Choice;
import dev.smalldoge.torch.GenerationOperations.Chosen;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** How often each token is drawn, against the distribution that Transformers' filters leave. */
class GenerationOperationsTest {
  private static final int DRAWS = 10_000;
  private static final float[] LOGITS = {0.5f, 2, -1, 1, 0, 1.5f, -3};

  private final Operations operations = Operations.on(Device.CPU);

  @Test
  void drawsFromTheWholeDistribution() {
    assertDrawn(choice(0, 1, 1, 0), softmax(1));
  }

  @Test
  void temperatureSharpens() {
    assertDrawn(choice(0, 0.5, 1, 0), softmax(0.5));
  }

  @Test
  void topKKeepsTheLikeliest() {
    assertDrawn(choice(3, 1, 1, 0), kept(softmax(1), 1, 5, 3));
  }

  @Test
  void topPKeepsTheFewestThatReachIt() {
    // sorted: 0.439, 0.266, 0.162, ...: the third begins at 0.705 and is the last below 0.75
    assertDrawn(choice(0, 1, 0.75, 0), kept(softmax(1), 1, 5, 3));
    // among the four likeliest alone, the third begins at 0.73 already
    assertDrawn(choice(4, 1, 0.72, 0), kept(softmax(1), 1, 5));
  }

  @Test
  void minPKeepsWhatIsNotFarBelowTheLikeliest() {
    assertDrawn(choice(0, 1, 1, 0.3), kept(softmax(1), 1, 5, 3)); // exp(-1) passes, exp(-1.5) not
  }

  private static Choice choice(int topK, double temperature, double topP, double minP) {
    return new Choice(List.of(), List.of(), 0, topK, temperature, topP, minP, 1);
  }

  private static double[] softmax(double temperature) {
    double[] shares = new double[LOGITS.length];
    for (int i = 0; i < shares.length; i++) {
      shares[i] = Math.exp(LOGITS[i] / temperature);
    }
    return normalized(shares);
  }

  private static double[] kept(double[] shares, int... tokens) {
    double[] left = new double[shares.length];
    for (int token : tokens) {
      left[token] = shares[token];
    }
    return normalized(left);
  }

  private static double[] normalized(double... shares) {
    double sum = Arrays.stream(shares).sum();
    return Arrays.stream(shares).map(s -> s / sum).toArray();
  }

  private void assertDrawn(Choice choice, double... expected) {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      float[] logits = new float[DRAWS * LOGITS.length];
      float[] evenly = new float[DRAWS];
      for (int i = 0; i < DRAWS; i++) {
        System.arraycopy(LOGITS, 0, logits, i * LOGITS.length, LOGITS.length);
        evenly[i] = i / (float) DRAWS;
      }
      Chosen chosen =
          new Chosen(
              operations.zeros(DType.INT64, DRAWS, 1),
              operations.zeros(DType.BOOL, DRAWS),
              operations.longs(new long[0], 0));
      Choice drawing =
          new Choice(
              choice.seen(),
              List.of(operations.floats(evenly, 1, DRAWS)),
              choice.padTokenId(),
              choice.topK(),
              choice.temperature(),
              choice.topP(),
              choice.minP(),
              choice.penalty());
      long[] drawn =
          operations
              .generation()
              .chooseTokens(
                  operations.floats(logits, DRAWS, LOGITS.length), drawing, chosen, 0, true)
              .toLongs();
      double[] shares = new double[LOGITS.length];
      for (long token : drawn) {
        shares[(int) token] += 1.0 / DRAWS;
      }
      // The draws are spread evenly, so each share is off by two steps of 1 / DRAWS at most.
      for (int i = 0; i < shares.length; i++) {
        assertThat(shares[i]).as("token %d", i).isCloseTo(expected[i], within(3.0 / DRAWS));
      }
    }
  }

  @Test
  void penaltyFallsOnSeenTokensOnly() {
    try (TensorScope scope = new TensorScope();
        GradMode off = GradMode.off()) {
      Tensor seen =
          operations
              .generation()
              .idsSeen(
                  operations.longs(new long[] {1, 5, 3}, 1, 3),
                  operations.longs(new long[] {1, 1, 0}, 1, 3), // 3 is padding here
                  LOGITS.length);
      Choice penalized = new Choice(List.of(seen), List.of(), 0, 0, 1, 1, 0, 10);
      Chosen chosen =
          new Chosen(
              operations.zeros(DType.INT64, 1, 2),
              operations.zeros(DType.BOOL, 1),
              operations.longs(new long[0], 0));
      Tensor logits = operations.floats(LOGITS, 1, LOGITS.length);
      GenerationOperations choosing = operations.generation();
      assertThat(choosing.chooseTokens(logits, penalized, chosen, 0, true).toLongs())
          .containsExactly(3); // 2 / 10 and 1.5 / 10 are below 1
      assertThat(choosing.chooseTokens(logits, penalized, chosen, 1, true).toLongs())
          .containsExactly(0); // 3 is seen now
      assertThat(chosen.output().toLongs()).containsExactly(3, 0);
    }
  }
}
