package dev.smalldoge.optim;

import static dev.smalldoge.config.Checks.check;

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

  /** How a learning rate rises or falls between two values. */
  enum Shape {
    /** In equal amounts. */
    LINEAR,
    /** Along half a cosine: slow, fast, slow. */
    COSINE,
    /** Falling as 1 − √p, steep at first; rising as 1 − √(1 − p), steep at last. */
    ONE_MINUS_SQRT;

    /** How far a rise has come at {@code progress}, both in [0, 1]. */
    double rise(double progress) {
      return switch (this) {
        case LINEAR -> progress;
        case COSINE -> 0.5 * (1 - Math.cos(Math.PI * progress));
        case ONE_MINUS_SQRT -> 1 - Math.sqrt(1 - progress);
      };
    }

    /** What is left of a fall at {@code progress}, both in [0, 1]. */
    double fall(double progress) {
      return switch (this) {
        case LINEAR -> 1 - progress;
        case COSINE -> 0.5 * (1 + Math.cos(Math.PI * progress));
        case ONE_MINUS_SQRT -> 1 - Math.sqrt(progress);
      };
    }
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
