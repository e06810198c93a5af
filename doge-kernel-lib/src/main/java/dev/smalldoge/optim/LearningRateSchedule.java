package dev.smalldoge.optim;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.RampShape;
import dev.smalldoge.config.ScheduleSettings;

/**
 * The learning rate of each optimizer step.
 *
 * <p>Example: {@code new WarmupStableDecay(8e-3, 800, 6_400, 800, 0).at(0)} is 0.
 */
public sealed interface LearningRateSchedule permits WarmupStableDecay, CosineWithMinimum {
  /** The learning rate of update {@code step}, counted from 0. */
  double at(long step);

  /** The highest learning rate. */
  double peak();

  /** Number of updates until the schedule has nothing more to change. */
  long steps();

  /**
   * The schedule that a recipe describes, for a run of {@code maxSteps} updates.
   *
   * @throws dev.smalldoge.config.DogeException if warm-up and decay are more than all of them
   */
  static LearningRateSchedule of(ScheduleSettings settings, double peak, int maxSteps) {
    int warmup = settings.warmupSteps(maxSteps);
    return switch (settings.kind()) {
      case WARMUP_STABLE_DECAY ->
          new WarmupStableDecay(
              peak,
              warmup,
              settings.stableSteps(maxSteps),
              settings.decaySteps(maxSteps),
              settings.minRatio(),
              settings.warmupShape(),
              settings.decayShape());
      case COSINE_WITH_MINIMUM ->
          new CosineWithMinimum(peak, warmup, maxSteps, settings.minRatio());
    };
  }

  /** How far a rise has come at {@code progress}, both in [0, 1]. */
  static double rise(RampShape shape, double progress) {
    return switch (shape) {
      case LINEAR -> progress;
      case COSINE -> 0.5 * (1 - Math.cos(Math.PI * progress));
      case ONE_MINUS_SQRT -> 1 - Math.sqrt(1 - progress);
    };
  }

  /** What is left of a fall at {@code progress}, both in [0, 1]. */
  static double fall(RampShape shape, double progress) {
    return switch (shape) {
      case LINEAR -> 1 - progress;
      case COSINE -> 0.5 * (1 + Math.cos(Math.PI * progress));
      case ONE_MINUS_SQRT -> 1 - Math.sqrt(progress);
    };
  }

  /** Checks what all schedules have in common. */
  static void requireRate(double peak, double minRatio) {
    check(peak > 0 && Double.isFinite(peak), "peak %s is not a positive rate; use 8e-3", peak);
    check(minRatio >= 0 && minRatio <= 1, "minRatio %s is outside [0, 1]; use 0 or 0.1", minRatio);
  }

  /** Checks a number of steps. */
  static void requireSteps(String name, int steps) {
    check(steps >= 0, "%s %d is negative; use 0 for none", name, steps);
  }
}
