package dev.smalldoge.optim;

/** temp. */
public interface LearningRateSchedule {
  /** temp. */
  double at(long step);
}
