package dev.smalldoge.torch;

/** The element types that tensors of this library have, with ATen's numbers. */
public enum DType {
  INT64(4, 8),
  FLOAT32(6, 4),
  FLOAT64(7, 8),
  BOOL(11, 1),
  BFLOAT16(15, 2);

  private final int code;
  private final int bytes;

  DType(int code, int bytes) {
    this.code = code;
    this.bytes = bytes;
  }

  /** ATen's number of this type, as scripts take it. */
  public int code() {
    return code;
  }

  /** Bytes of one element. */
  public int bytes() {
    return bytes;
  }
}
