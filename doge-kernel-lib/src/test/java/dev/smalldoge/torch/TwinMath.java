package dev.smalldoge.torch;

import java.util.Arrays;
import java.util.stream.DoubleStream;

/** Single steps of the double twin, on one vector each, written for reading and not for speed. */
final class TwinMath {
  private TwinMath() {}

  /** y(o) = Σ x(i) · weight(o, i) + bias(o); {@code bias} may be null. */
  static double[] linear(double[] x, double[] weight, double[] bias) {
    double[] y = new double[weight.length / x.length];
    for (int o = 0; o < y.length; o++) {
      double sum = bias == null ? 0 : bias[o];
      for (int i = 0; i < x.length; i++) {
        sum += x[i] * weight[o * x.length + i];
      }
      y[o] = sum;
    }
    return y;
  }

  static double[] rmsNorm(double[] x, double[] weight, double eps) {
    double square = 0;
    for (double value : x) {
      square += value * value;
    }
    double scale = 1 / Math.sqrt(square / x.length + eps);
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      y[i] = x[i] * scale * weight[i];
    }
    return y;
  }

  /** Turns pair (i, i + D/2) of a head by the angle position · theta^(−2i/D). */
  static double[] rotate(double[] head, int position, double theta) {
    int half = head.length / 2;
    double[] y = new double[head.length];
    for (int i = 0; i < half; i++) {
      double angle = position * Math.pow(theta, -2.0 * i / head.length);
      y[i] = head[i] * Math.cos(angle) - head[i + half] * Math.sin(angle);
      y[i + half] = head[i + half] * Math.cos(angle) + head[i] * Math.sin(angle);
    }
    return y;
  }

  static double silu(double x) {
    return x / (1 + Math.exp(-x));
  }

  static double softplus(double x) {
    return x > 30 ? x : Math.log1p(Math.exp(x));
  }

  static double logSumExp(double[] x) {
    double largest = DoubleStream.of(x).max().orElseThrow();
    return largest + Math.log(DoubleStream.of(x).map(v -> Math.exp(v - largest)).sum());
  }

  static double[] softmax(double[] x) {
    double normalizer = logSumExp(x);
    return DoubleStream.of(x).map(v -> Math.exp(v - normalizer)).toArray();
  }

  static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }

  /** The indices of x, largest value first. */
  static int[] descending(double[] x) {
    return java.util.stream.IntStream.range(0, x.length)
        .boxed()
        .sorted((a, b) -> Double.compare(x[b], x[a]))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  /** Row {@code number} of an array of rows of this width. */
  static double[] row(double[] rows, int number, int width) {
    return Arrays.copyOfRange(rows, number * width, (number + 1) * width);
  }
}
