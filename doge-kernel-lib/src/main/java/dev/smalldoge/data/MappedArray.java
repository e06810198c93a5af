package dev.smalldoge.data;

import dev.smalldoge.io.DType;
import dev.smalldoge.io.TensorInfo;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;

/** A one-dimensional array in a file of any size, mapped in windows of 1 GiB. */
final class MappedArray {
  private static final int WINDOW_BITS = 30;
  private final MappedByteBuffer[] windows;
  private final DType dtype;

  MappedArray(FileChannel channel, TensorInfo info) throws IOException {
    this.dtype = info.dtype();
    long bytes = info.byteLength();
    this.windows = new MappedByteBuffer[(int) ((bytes + (1L << WINDOW_BITS) - 1) >> WINDOW_BITS)];
    for (int i = 0; i < windows.length; i++) {
      long start = (long) i << WINDOW_BITS;
      windows[i] =
          channel.map(
              FileChannel.MapMode.READ_ONLY,
              info.position() + start,
              Math.min(bytes - start, 1L << WINDOW_BITS));
      windows[i].order(ByteOrder.LITTLE_ENDIAN);
    }
  }

  /** Element {@code index} as a whole number; elements never straddle windows. */
  long get(long index) {
    long at = index * dtype.bytes();
    MappedByteBuffer window = windows[(int) (at >> WINDOW_BITS)];
    int inside = (int) (at & ((1 << WINDOW_BITS) - 1));
    return switch (dtype) {
      case U16 -> Short.toUnsignedInt(window.getShort(inside));
      case I32 -> window.getInt(inside);
      case I64 -> window.getLong(inside);
      default -> window.get(inside);
    };
  }

  /** Copies {@code count} elements from {@code index} on. */
  void get(long index, int count, LongBuffer out, int at) {
    for (int done = 0; done < count; ) {
      long position = (index + done) * dtype.bytes();
      MappedByteBuffer window = windows[(int) (position >> WINDOW_BITS)];
      int inside = (int) (position & ((1 << WINDOW_BITS) - 1));
      int some = Math.min(count - done, (window.limit() - inside) / dtype.bytes());
      copy(window, inside, some, out, at + done);
      done += some;
    }
  }

  private void copy(MappedByteBuffer window, int inside, int count, LongBuffer out, int at) {
    switch (dtype) {
      case U16 -> {
        for (int i = 0; i < count; i++) {
          out.put(at + i, Short.toUnsignedInt(window.getShort(inside + 2 * i)));
        }
      }
      case I32 -> {
        for (int i = 0; i < count; i++) {
          out.put(at + i, window.getInt(inside + 4 * i));
        }
      }
      default -> {
        for (int i = 0; i < count; i++) {
          out.put(at + i, window.get(inside + i));
        }
      }
    }
  }
}
