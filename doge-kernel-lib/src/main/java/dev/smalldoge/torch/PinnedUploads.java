package dev.smalldoge.torch;

import com.sun.jna.Pointer;
import dev.smalldoge.config.DogeException;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.util.Optional;

/**
 * Copies whole numbers to a GPU without waiting for it: through page-locked memory, in the order of
 * the default stream. libtorch's own copy from ordinary memory first waits for everything queued.
 *
 * <p>A few staging areas take turns; one is written again only when the copy out of it is done.
 */
final class PinnedUploads {
  private static final int AREAS = 8;

  private final long context;
  private final long[] areas = new long[AREAS];
  private final long[] sizes = new long[AREAS];
  private final long[] events = new long[AREAS];
  private int next;

  /** Uploads to a device; empty where the driver cannot be called, as outside Linux. */
  static Optional<PinnedUploads> to(Device device) {
    try {
      return Optional.of(new PinnedUploads(device));
    } catch (DogeException | LinkageError e) {
      return Optional.empty(); // libtorch's copy serves, only slower
    }
  }

  private PinnedUploads(Device device) {
    context = Cuda.context(device.index());
    Cuda.makeCurrent(context);
    for (int i = 0; i < AREAS; i++) {
      events[i] = Cuda.event();
    }
  }

  /** Queues a copy of what remains in the buffer, taken at once, into the INT64 tensor. */
  synchronized void upload(LongBuffer values, Tensor target) {
    Cuda.makeCurrent(context);
    int area = next;
    next = (next + 1) % AREAS;
    long bytes = 8L * values.remaining();
    Cuda.await(events[area]);
    if (sizes[area] < bytes) {
      Cuda.freePinned(areas[area]);
      areas[area] = Cuda.pinned(bytes);
      sizes[area] = bytes;
    }
    LongBuffer staged =
        new Pointer(areas[area])
            .getByteBuffer(0, bytes)
            .order(ByteOrder.nativeOrder())
            .asLongBuffer();
    staged.put(values);
    Cuda.copyFromPinned(target.address(), areas[area], bytes);
    Cuda.record(events[area]);
  }
}
