package dev.smalldoge.optim;

/** temp. */
public record WarmupStableDecay(
    double peak, int warmupSteps, int stableSteps, int decaySteps, double minRatio)
    implements LearningRateSchedule {
  @Override
  public double at(long s) {
    if (s < warmupSteps) return peak * s / warmupSteps;
    if (s < warmupSteps + stableSteps) return peak;
    return peak * (1 - (s - warmupSteps - stableSteps) / (double) decaySteps);
  }
}
