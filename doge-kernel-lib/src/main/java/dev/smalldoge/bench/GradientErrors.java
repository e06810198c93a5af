package dev.smalldoge.bench;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * By how much the gradients of some batches are off, and their mean. Errors by chance cancel: the
 * mean of B batches is then off by a root of B less than one of them. A bias stays.
 */
final class GradientErrors {
  private final Map<String, double[]> errors = new LinkedHashMap<>();
  private final Map<String, double[]> gradients = new LinkedHashMap<>();
  private double errorSquares;
  private double gradientSquares;
  private int batches;

  /** Takes one batch's gradients by name, as they should be and as they were found. */
  void add(Map<String, float[]> exact, Map<String, float[]> found) {
    batches++;
    exact.forEach(
        (name, wanted) -> {
          double[] error = errors.computeIfAbsent(name, n -> new double[wanted.length]);
          double[] gradient = gradients.computeIfAbsent(name, n -> new double[wanted.length]);
          float[] got = found.get(name);
          for (int i = 0; i < wanted.length; i++) {
            double off = (double) got[i] - wanted[i];
            error[i] += off;
            gradient[i] += wanted[i];
            errorSquares += off * off;
            gradientSquares += (double) wanted[i] * wanted[i];
          }
        });
  }

  /** Norm of one batch's error over that of its gradient; root mean square over the batches. */
  double ofOne() {
    return Math.sqrt(errorSquares / gradientSquares);
  }

  /**
   * Norm of the mean's error over that of one batch's gradient: {@link #ofOne} by the root of the
   * number of batches where errors are chance, {@link #ofOne} itself where all are the same.
   */
  double ofMean() {
    return Math.sqrt(squares(errors) / batches / gradientSquares);
  }

  /** {@link #ofMean} if all errors were chance. */
  double ofMeanByChance() {
    return ofOne() / Math.sqrt(batches);
  }

  /**
   * The part of the mean gradient that its error takes away or adds along it: -0.01 where the mean
   * gradient is found 1 % too short.
   */
  double along() {
    double product = 0;
    for (Map.Entry<String, double[]> entry : errors.entrySet()) {
      double[] gradient = gradients.get(entry.getKey());
      for (int i = 0; i < gradient.length; i++) {
        product += entry.getValue()[i] * gradient[i];
      }
    }
    return product / squares(gradients);
  }

  /** The arrays with the largest parts of the mean's squared error, the largest first. */
  Map<String, Double> largest(int count) {
    double all = squares(errors);
    Map<String, Double> parts = new LinkedHashMap<>();
    errors.entrySet().stream()
        .map(e -> Map.entry(e.getKey(), squares(e.getValue()) / all))
        .sorted(Map.Entry.<String, Double>comparingByValue().reversed())
        .limit(count)
        .forEach(e -> parts.put(e.getKey(), e.getValue()));
    return parts;
  }

  private static double squares(Map<String, double[]> arrays) {
    return arrays.values().stream().mapToDouble(GradientErrors::squares).sum();
  }

  private static double squares(double... array) {
    double squares = 0;
    for (double value : array) {
      squares += value * value;
    }
    return squares;
  }
}
