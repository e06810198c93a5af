package dev.smalldoge.io;

/** Conversions between float and the two 16-bit float formats; rounding is to nearest, even. */
public final class HalfFloats {
  private HalfFloats() {}

  /** The value of BF16 bits; exact. */
  public static float fromBf16(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** The BF16 bits nearest to {@code value}; NaN stays NaN, too large becomes infinite. */
  public static short toBf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40); // quiet, so that dropping bits cannot make infinity
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }

  /** The value of IEEE half bits; exact. */
  public static float fromF16(short half) {
    int sign = (half & 0x8000) << 16;
    int exponent = (half >>> 10) & 0x1f;
    int mantissa = half & 0x3ff;
    if (exponent == 0x1f) {
      return Float.intBitsToFloat(sign | 0x7f800000 | (mantissa << 13));
    }
    if (exponent == 0) {
      float magnitude = mantissa * 0x1p-24f; // zero and subnormals
      return sign == 0 ? magnitude : -magnitude;
    }
    return Float.intBitsToFloat(sign | ((exponent + 112) << 23) | (mantissa << 13));
  }

  /** The IEEE half bits nearest to {@code value}; NaN stays NaN, beyond 65504 becomes infinite. */
  public static short toF16(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = (bits >>> 16) & 0x8000;
    int magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) {
      return (short) (sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff));
    }
    if (magnitude >= 0x477ff000) { // 65520 and above round to infinity
      return (short) (sign | 0x7c00);
    }
    if (magnitude < 0x38800000) { // below 2^-14: a multiple of 2^-24, which rint finds
      return (short) (sign | (int) Math.rint(Math.scalb((double) Math.abs(value), 24)));
    }
    int rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1);
    return (short) (sign | (rounded >>> 13));
  }

  /** Converts {@code count} floats to F16 or BF16 bits. */
  static void narrow(DType dtype, float[] from, short[] to, int count) {
    if (dtype == DType.BF16) {
      for (int i = 0; i < count; i++) {
        to[i] = toBf16(from[i]);
      }
    } else {
      for (int i = 0; i < count; i++) {
        to[i] = toF16(from[i]);
      }
    }
  }

  /** Converts {@code count} F16 or BF16 bits to floats. */
  static void widen(DType dtype, short[] from, float[] to, int count) {
    if (dtype == DType.BF16) {
      for (int i = 0; i < count; i++) {
        to[i] = fromBf16(from[i]);
      }
    } else {
      for (int i = 0; i < count; i++) {
        to[i] = fromF16(from[i]);
      }
    }
  }
}
