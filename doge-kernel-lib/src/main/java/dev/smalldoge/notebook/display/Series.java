package dev.smalldoge.notebook.display;

/**
 * A curve of bounded size: past {@link #MAX} points, neighbours are merged into their mean, so a
 * run of a million steps draws as fast as one of five hundred.
 */
final class Series {
  static final int MAX = 512;

  private final double[] x = new double[MAX];
  private final double[] y = new double[MAX];
  private int size;
  private int perPoint = 1; // values merged into one point
  private int pending;
  private double sumX;
  private double sumY;

  /** Adds a value; NaN is none. */
  void add(double step, double value) {
    if (Double.isNaN(value)) {
      return;
    }
    sumX += step;
    sumY += value;
    if (++pending < perPoint) {
      return;
    }
    if (size == MAX) {
      halve();
      if (pending < perPoint) {
        return;
      }
    }
    x[size] = sumX / pending;
    y[size++] = sumY / pending;
    pending = 0;
    sumX = 0;
    sumY = 0;
  }

  private void halve() {
    size /= 2;
    perPoint *= 2;
    for (int i = 0; i < size; i++) {
      x[i] = (x[2 * i] + x[2 * i + 1]) / 2;
      y[i] = (y[2 * i] + y[2 * i + 1]) / 2;
    }
  }

  /** Points, with what waits to be merged as the last one. */
  int size() {
    return size + (pending > 0 && size < MAX ? 1 : 0);
  }

  double x(int i) {
    return i < size ? x[i] : sumX / pending;
  }

  double y(int i) {
    return i < size ? y[i] : sumY / pending;
  }

  double min() {
    double min = Double.POSITIVE_INFINITY;
    for (int i = 0; i < size(); i++) {
      min = Math.min(min, y(i));
    }
    return min;
  }

  double max() {
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < size(); i++) {
      max = Math.max(max, y(i));
    }
    return max;
  }
}
