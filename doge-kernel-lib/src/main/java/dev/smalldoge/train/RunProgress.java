package dev.smalldoge.train;

import java.util.function.Function;

/**
 * How every run shows itself while it trains: as lines on System.out, until a host that can do
 * better, such as a notebook kernel, says how.
 */
public final class RunProgress {
  private static final double SECONDS_BETWEEN_LINES = 2;

  private static volatile Function<String, TrainingListener> opener =
      title -> new ProgressLine(System.out, SECONDS_BETWEEN_LINES);

  private RunProgress() {}

  /**
   * Shows runs another way from now on.
   *
   * @param newOpener makes the listener of one run from its title
   */
  public static void showBy(Function<String, TrainingListener> newOpener) {
    opener = newOpener;
  }

  /** The listener that shows one run. */
  static TrainingListener open(String title) {
    return opener.apply(title);
  }
}
