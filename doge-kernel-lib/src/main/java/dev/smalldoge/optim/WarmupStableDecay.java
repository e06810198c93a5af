package dev.smalldoge.optim;

import dev.smalldoge.config.RampShape;

/**
 * Learning rate for each optimizer step: a rise, a plateau, a fall, each linear unless said
 * otherwise; the floor after that.
 *
 * <p>Matches {@code get_wsd_schedule} of Hugging Face transformers, so step 0 trains at {@code
 * minRatio * peak}. Source: arXiv:2405.18392.
 *
 * <p>Example: {@code new WarmupStableDecay(8e-3, 800, 6_400, 800, 0)}.
 *
 * @param peak learning rate of the plateau
 * @param warmupSteps updates of the rise
 * @param stableSteps updates of the plateau
 * @param decaySteps updates of the fall
 * @param minRatio the floor, before the rise and after the fall, as a fraction of peak
 * @param warmupShape shape of the rise
 * @param decayShape shape of the fall
 */
public record WarmupStableDecay(
    double peak,
    int warmupSteps,
    int stableSteps,
    int decaySteps,
    double minRatio,
    RampShape warmupShape,
    RampShape decayShape)
    implements LearningRateSchedule {
  /** Checks the ranges. */
  public WarmupStableDecay {
    LearningRateSchedule.requireRate(peak, minRatio);
    LearningRateSchedule.requireSteps("warmupSteps", warmupSteps);
    LearningRateSchedule.requireSteps("stableSteps", stableSteps);
    LearningRateSchedule.requireSteps("decaySteps", decaySteps);
  }

  /** A linear rise and a linear fall. */
  public WarmupStableDecay(
      double peak, int warmupSteps, int stableSteps, int decaySteps, double minRatio) {
    this(peak, warmupSteps, stableSteps, decaySteps, minRatio, RampShape.LINEAR, RampShape.LINEAR);
  }

  @Override
  public double at(long step) {
    long decayStart = (long) warmupSteps + stableSteps;
    double factor;
    if (step < warmupSteps) {
      factor = floored(LearningRateSchedule.rise(warmupShape, (double) step / warmupSteps));
    } else if (step < decayStart) {
      factor = 1;
    } else if (step < steps()) {
      factor =
          floored(LearningRateSchedule.fall(decayShape, (double) (step - decayStart) / decaySteps));
    } else {
      factor = minRatio;
    }
    return peak * factor;
  }

  private double floored(double share) {
    return Math.max(0, share * (1 - minRatio) + minRatio);
  }

  @Override
  public long steps() {
    return (long) warmupSteps + stableSteps + decaySteps;
  }

  /** The same with other shapes of the rise and the fall. */
  public WarmupStableDecay withShapes(RampShape warmupShape, RampShape decayShape) {
    return new WarmupStableDecay(
        peak, warmupSteps, stableSteps, decaySteps, minRatio, warmupShape, decayShape);
  }
}
