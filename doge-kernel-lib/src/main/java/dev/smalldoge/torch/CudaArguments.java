package dev.smalldoge.torch;

import com.sun.jna.Memory;
import com.sun.jna.Pointer;

/**
 * A kernel's arguments, packed as the driver takes them: 8 bytes each, as all kernels of this
 * library declare them. One is reused for every launch of a thread; the driver copies it.
 */
final class CudaArguments {
  private static final int MOST = 24;
  private static final long BUFFER = 1;
  private static final long SIZE = 2;

  private final Memory values = new Memory(8L * MOST);
  private final Memory size = new Memory(8);
  private final Memory extra = new Memory(8 * 5);
  private final Memory parameters = new Memory(8L * MOST);

  CudaArguments() {
    extra.setLong(0, BUFFER);
    extra.setPointer(8, values);
    extra.setLong(16, SIZE);
    extra.setPointer(24, size);
    extra.setLong(32, 0);
    for (int i = 0; i < MOST; i++) {
      parameters.setPointer(8L * i, values.share(8L * i));
    }
  }

  /** Takes tensors (their addresses; null is an absent one), whole numbers and doubles. */
  CudaArguments of(Object... arguments) {
    for (int i = 0; i < arguments.length; i++) {
      Object argument = arguments[i];
      if (argument == null) {
        values.setLong(8L * i, 0);
      } else if (argument instanceof Tensor tensor) {
        values.setLong(8L * i, tensor.address());
      } else if (argument instanceof Double number) {
        values.setDouble(8L * i, number);
      } else {
        values.setLong(8L * i, ((Number) argument).longValue());
      }
    }
    size.setLong(0, 8L * arguments.length);
    return this;
  }

  Pointer extra() {
    return extra;
  }

  /** The same, as the address of each. */
  Pointer parameters() {
    return parameters;
  }
}
