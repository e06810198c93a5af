package dev.smalldoge.torch;

/** A double array with its shape, exact in fp32. */
public final class TwinArray {
  private final double[] values;
  private final long[] shape;

  /** Wraps row-major values; they are not copied, and may be written to. */
  public TwinArray(double[] values, long... shape) {
    this.values = values;
    this.shape = shape;
  }

  /** The values, row-major. */
  public double[] values() {
    return values;
  }

  /** Lengths of the axes. */
  public long[] shape() {
    return shape;
  }

  /** As a FLOAT32 tensor. */
  public Tensor tensor(Operations operations) {
    return operations.floats(Comparison.floats(values), shape);
  }
}
