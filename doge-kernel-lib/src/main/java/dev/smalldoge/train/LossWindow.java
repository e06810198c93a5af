package dev.smalldoge.train;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.stream.Collectors;

/** The losses of the latest steps, against which a new one is measured. */
final class LossWindow {
  private static final int SIZE = 100;
  private static final int FEWEST = 10;
  private static final int SHOWN = 5;

  private final Deque<Double> losses = new ArrayDeque<>();

  void add(double loss) {
    losses.add(loss);
    if (losses.size() > SIZE) {
      losses.remove();
    }
  }

  /** z-score of a loss among those before it; 0 while they are too few or all alike. */
  double spike(double loss) {
    if (losses.size() < FEWEST) {
      return 0;
    }
    double mean = losses.stream().mapToDouble(x -> x).average().orElse(0);
    double variance = losses.stream().mapToDouble(x -> (x - mean) * (x - mean)).average().orElse(0);
    return variance == 0 ? 0 : (loss - mean) / Math.sqrt(variance);
  }

  /** The last five, oldest first, or "none". */
  String last() {
    return losses.isEmpty()
        ? "none"
        : losses.stream()
            .skip(Math.max(0, losses.size() - SHOWN))
            .map(x -> String.format(Locale.ROOT, "%.4f", x))
            .collect(Collectors.joining(", "));
  }
}
