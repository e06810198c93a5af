package dev.smalldoge.optim;

import static dev.smalldoge.config.Checks.check;

/**
 * Learning rate for each optimizer step: a linear rise from 0, then half a cosine down to the
 * floor, which it keeps after {@code maxSteps}.
 *
 * <p>Matches {@code get_cosine_with_min_lr_schedule_with_warmup} of Hugging Face transformers up to
 * {@code maxSteps}; beyond, where that would rise again, this stays at the floor.
 *
 * <p>Example: {@code new CosineWithMinimum(8e-4, 100, 1_000, 0.1)}.
 *
 * @param peak learning rate at the end of the rise
 * @param warmupSteps updates of the rise
 * @param maxSteps updates of all, the rise included
 * @param minRatio the floor as a fraction of peak
 */
public record CosineWithMinimum(double peak, int warmupSteps, int maxSteps, double minRatio)
    implements LearningRateSchedule {
  /** Checks the ranges. */
  public CosineWithMinimum {
    LearningRateSchedule.requireRate(peak, minRatio);
    LearningRateSchedule.requireSteps("warmupSteps", warmupSteps);
    check(
        maxSteps >= warmupSteps,
        "maxSteps %d is less than warmupSteps %d; warm up for %d",
        maxSteps,
        warmupSteps,
        Math.max(0, maxSteps / 10));
  }

  @Override
  public double at(long step) {
    if (step < warmupSteps) {
      return peak * ((double) step / warmupSteps);
    }
    double progress = (double) (step - warmupSteps) / Math.max(1, maxSteps - warmupSteps);
    double factor = 0.5 * (1 + Math.cos(Math.PI * Math.min(1, progress)));
    return peak * (factor * (1 - minRatio) + minRatio);
  }

  @Override
  public long steps() {
    return maxSteps;
  }
}
