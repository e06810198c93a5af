package dev.smalldoge.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.DoubleSupplier;

/** How tests compare fp32 results with the double twin. */
public final class Comparison {
  /** Rounding of fp32 over sums of up to about a hundred terms and two layers. */
  public static final double VALUES = 1e-5;

  /** As {@link #VALUES}; a gradient passes through each sum twice, and cancels more. */
  public static final double GRADIENTS = 3e-5;

  private Comparison() {}

  /** The largest difference, as a fraction of the largest expected value. */
  public static double error(float[] actual, double[] expected) {
    assertThat(actual).hasSize(expected.length);
    double largest = 0;
    double difference = 0;
    for (int i = 0; i < actual.length; i++) {
      largest = Math.max(largest, Math.abs(expected[i]));
      difference = Math.max(difference, Math.abs(actual[i] - expected[i])); // keeps a NaN
    }
    return largest == 0 ? difference : difference / largest;
  }

  /** Fails unless the error is within the tolerance. */
  public static void assertClose(String what, float[] actual, double[] expected, double tolerance) {
    assertThat(error(actual, expected)).as(what).isLessThanOrEqualTo(tolerance);
  }

  /** The gradient of {@code f} for each value of each array, by central differences. */
  public static Map<String, double[]> differences(Map<String, double[]> arrays, DoubleSupplier f) {
    Map<String, double[]> gradients = new LinkedHashMap<>();
    arrays.forEach((name, array) -> gradients.put(name, differences(array, f)));
    return gradients;
  }

  /**
   * The gradient of {@code f} for each value of one array, by central differences.
   *
   * <p>A step of 1e-5 leaves about 1e-10 of curvature and 1e-11 of double rounding.
   */
  public static double[] differences(double[] array, DoubleSupplier f) {
    double step = 1e-5;
    double[] gradient = new double[array.length];
    for (int i = 0; i < array.length; i++) {
      double value = array[i];
      array[i] = value + step;
      double above = f.getAsDouble();
      array[i] = value - step;
      double below = f.getAsDouble();
      array[i] = value;
      gradient[i] = (above - below) / (2 * step);
    }
    return gradient;
  }

  /** Σ a(i) · b(i). */
  public static double dot(double[] a, double[] b) {
    return TwinMath.dot(a, b);
  }

  /** The values rounded to fp32. */
  public static float[] floats(double[] values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }
}
