package dev.smalldoge.io;

import java.nio.file.Path;
import java.util.Arrays;

/**
 * What a safetensors header says of one tensor.
 *
 * @param name its name, unique in the file or folder
 * @param dtype its element type
 * @param shape its dimensions, each at least 0; empty for a scalar
 * @param byteLength elements × bytes of one
 * @param file the file that holds it
 * @param position its first byte, counted from the start of that file
 */
@SuppressWarnings("ArrayRecordComponent") // shapes are long[] in DJL and throughout this library
public record TensorInfo(
    String name, DType dtype, long[] shape, long byteLength, Path file, long position) {
  /** Takes its own copy of the shape. */
  public TensorInfo {
    shape = shape.clone();
  }

  /** A copy of the dimensions. */
  @Override
  public long[] shape() {
    return shape.clone();
  }

  /** Number of elements: the product of the dimensions, 1 for a scalar. */
  public long elements() {
    return byteLength / dtype.bytes();
  }

  @Override
  public String toString() {
    return name + " " + dtype + " " + Arrays.toString(shape);
  }
}
