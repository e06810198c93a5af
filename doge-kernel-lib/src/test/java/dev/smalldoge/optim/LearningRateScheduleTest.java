package dev.smalldoge.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.RampShape;
import org.junit.jupiter.api.Test;

class LearningRateScheduleTest {
  /** The lists come from the formulas of transformers, worked out in Python doubles. */
  private static void assertRates(LearningRateSchedule schedule, double... expected) {
    for (int step = 0; step < expected.length; step++) {
      // a last bit may differ where Java and Python round a product in another order
      assertThat(schedule.at(step)).as("step %d", step).isCloseTo(expected[step], within(1e-15));
    }
  }

  @Test
  void linearRiseAndFall() {
    assertRates(
        new WarmupStableDecay(2, 4, 3, 5, 0),
        0,
        0.5,
        1.0,
        1.5,
        2,
        2,
        2,
        2,
        1.6,
        1.2,
        0.8,
        0.4,
        0,
        0);
    assertRates(
        new WarmupStableDecay(2, 4, 3, 5, 0.1),
        0.2,
        0.65,
        1.1,
        1.55,
        2,
        2,
        2,
        2,
        1.64,
        1.28,
        0.92,
        0.56,
        0.2,
        0.2);
  }

  @Test
  void cosineRiseAndFall() {
    assertRates(
        new WarmupStableDecay(2, 4, 1, 4, 0.1).withShapes(RampShape.COSINE, RampShape.COSINE),
        0.2,
        0.4636038969321072,
        1.1,
        1.7363961030678927,
        2,
        2,
        1.7363961030678927,
        1.1,
        0.4636038969321073,
        0.2,
        0.2);
  }

  @Test
  void rootRiseAndFall() {
    assertRates(
        new WarmupStableDecay(2, 4, 1, 4, 0)
            .withShapes(RampShape.ONE_MINUS_SQRT, RampShape.ONE_MINUS_SQRT),
        0,
        0.2679491924311228,
        0.5857864376269049,
        1,
        2,
        2,
        1,
        0.5857864376269049,
        0.2679491924311228,
        0,
        0);
  }

  @Test
  void partsMayBeAbsent() {
    assertRates(new WarmupStableDecay(2, 0, 2, 0, 0.2), 2, 2, 0.4, 0.4);
    assertRates(new WarmupStableDecay(2, 0, 0, 2, 0), 2, 1, 0, 0);
    assertRates(new CosineWithMinimum(2, 0, 2, 0), 2, 1, 0, 0);
  }

  @Test
  void cosineWithMinimum() {
    assertRates(
        new CosineWithMinimum(2, 3, 10, 0.1),
        0.0,
        0.6666666666666666,
        1.3333333333333333,
        2,
        1.910871981112177,
        1.6611408216728603,
        1.3002688405606828,
        0.8997311594393171,
        0.5388591783271399,
        0.2891280188878229,
        0.2,
        0.2);
  }

  @Test
  void theScheduleOfDoge20M() {
    LearningRateSchedule schedule = new WarmupStableDecay(8e-3, 800, 6_400, 800, 0);
    assertThat(schedule.steps()).isEqualTo(8_000);
    assertThat(schedule.at(0)).isZero();
    assertThat(schedule.at(1)).isCloseTo(1e-5, within(1e-18));
    assertThat(schedule.at(800)).isEqualTo(8e-3);
    assertThat(schedule.at(7_200)).isEqualTo(8e-3);
    assertThat(schedule.at(7_999)).isCloseTo(1e-5, within(1e-17));
    assertThat(schedule.at(8_000)).isZero();
  }

  @Test
  void nonsenseIsTold() {
    assertThatThrownBy(() -> new WarmupStableDecay(0, 1, 1, 1, 0))
        .isInstanceOf(DogeException.class)
        .hasMessage("peak 0.0 is not a positive rate; use 8e-3");
    assertThatThrownBy(() -> new WarmupStableDecay(1, 1, -1, 1, 0))
        .hasMessage("stableSteps -1 is negative; use 0 for none");
    assertThatThrownBy(() -> new WarmupStableDecay(1, 1, 1, 1, 1.5))
        .hasMessageContaining("minRatio 1.5");
    assertThatThrownBy(() -> new CosineWithMinimum(1, 11, 10, 0))
        .hasMessage("maxSteps 10 is less than warmupSteps 11; warm up for 1");
  }
}
