package dev.smalldoge.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class GradientErrorsTest {
  private static final int BATCHES = 64;

  private final Random random = new Random(5);

  @Test
  void chanceFallsByTheRootOfTheNumber() {
    GradientErrors errors = errors(0.01, 0);
    assertThat(errors.ofOne()).isCloseTo(0.01, within(0.0005));
    assertThat(errors.ofMeanByChance()).isCloseTo(0.00125, within(0.0001));
    assertThat(errors.ofMean()).isCloseTo(errors.ofMeanByChance(), within(0.0003));
  }

  @Test
  void aBiasStays() {
    GradientErrors errors = errors(0.01, 0.02);
    assertThat(errors.ofMean()).isGreaterThan(10 * errors.ofMeanByChance() / 2);
    assertThat(errors.along()).isCloseTo(0.02, within(0.001));
  }

  @Test
  void aGradientFoundTooShortIsNegativeAlong() {
    assertThat(errors(0, -0.03).along()).isCloseTo(-0.03, within(1e-6));
  }

  @Test
  void theArrayThatIsOffMostComesFirst() {
    GradientErrors errors = new GradientErrors();
    Map<String, float[]> exact = Map.of("a", new float[] {1, 1}, "b", new float[] {1});
    errors.add(exact, Map.of("a", new float[] {1, 2}, "b", new float[] {4}));
    assertThat(errors.largest(1)).containsOnlyKeys("b").containsValue(0.9);
    assertThat(errors.largest(5).keySet()).containsExactly("b", "a");
  }

  /** Gradients of two arrays around 1, off by chance and by a part of themselves. */
  private GradientErrors errors(double chance, double bias) {
    GradientErrors errors = new GradientErrors();
    for (int batch = 0; batch < BATCHES; batch++) {
      float[][] exact = new float[2][300];
      float[][] found = new float[2][300];
      for (int a = 0; a < 2; a++) {
        for (int i = 0; i < 300; i++) {
          exact[a][i] = (float) (1 + 0.1 * random.nextGaussian());
          found[a][i] = (float) (exact[a][i] * (1 + bias) + chance * random.nextGaussian());
        }
      }
      errors.add(Map.of("a", exact[0], "b", exact[1]), Map.of("a", found[0], "b", found[1]));
    }
    return errors;
  }
}
