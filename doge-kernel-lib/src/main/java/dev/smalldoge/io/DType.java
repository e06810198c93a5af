package dev.smalldoge.io;

import dev.smalldoge.config.DogeException;
import java.util.Arrays;

/** Element types of a safetensors file; a constant's name is the word that the header uses. */
public enum DType {
  /** One byte, 0 or 1. */
  BOOL(1),
  /** Unsigned 8 bits. */
  U8(1),
  /** Signed 8 bits. */
  I8(1),
  /** 8-bit float with 5 exponent bits. */
  F8_E5M2(1),
  /** 8-bit float with 4 exponent bits. */
  F8_E4M3(1),
  /** Signed 16 bits. */
  I16(2),
  /** Unsigned 16 bits. */
  U16(2),
  /** IEEE half precision. */
  F16(2),
  /** The upper half of an F32. */
  BF16(2),
  /** Signed 32 bits. */
  I32(4),
  /** Unsigned 32 bits. */
  U32(4),
  /** IEEE single precision. */
  F32(4),
  /** IEEE double precision. */
  F64(8),
  /** Signed 64 bits. */
  I64(8),
  /** Unsigned 64 bits. */
  U64(8);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes of one element. */
  public int bytes() {
    return bytes;
  }

  /** Whether it is F32, F16 or BF16, which {@link Safetensors#floats} reads. */
  public boolean isFloat() {
    return this == F32 || this == F16 || this == BF16;
  }

  /** The type called {@code name}; {@code whose} opens the sentence when there is none. */
  static DType of(String name, String whose) {
    for (DType type : values()) {
      if (type.name().equals(name)) {
        return type;
      }
    }
    throw new DogeException(
        String.format(
            "%s has dtype \"%s\", which is not one of %s; the file is damaged or newer than this"
                + " reader",
            whose, name, Arrays.toString(values())));
  }
}
