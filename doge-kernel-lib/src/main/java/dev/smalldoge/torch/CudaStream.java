package dev.smalldoge.torch;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;

/**
 * A CUDA stream beside the default one, on which libtorch and our kernels compute, so that a GPU
 * can send and compute at the same time.
 *
 * <p>The device's context is made current on the calling thread by {@link #enter}, before anything
 * else.
 */
final class CudaStream implements AutoCloseable {
  private static final int NON_BLOCKING = 1;
  private static final int NO_TIMING = 2;
  private static final long DEFAULT_STREAM = 0;
  private static boolean bound;

  private final long context;
  private final long stream;
  private final long event;

  /** The driver's own names. */
  private static final class Driver {
    static native int cuStreamCreate(Pointer stream, int flags);

    static native int cuStreamDestroy_v2(long stream);

    static native int cuStreamWaitEvent(long stream, long event, int flags);

    static native int cuEventCreate(Pointer event, int flags);

    static native int cuEventRecord(long event, long stream);

    static native int cuEventDestroy_v2(long event);
  }

  /** A stream of GPU {@code index}. */
  CudaStream(int index) {
    bind();
    context = Cuda.context(index);
    enter();
    Memory out = new Memory(8);
    Cuda.check("cuStreamCreate", Driver.cuStreamCreate(out, NON_BLOCKING));
    stream = out.getLong(0);
    Cuda.check("cuEventCreate", Driver.cuEventCreate(out, NO_TIMING));
    event = out.getLong(0);
  }

  private static synchronized void bind() {
    if (!bound) {
      Native.register(Driver.class, CudaLibraries.loaded("libcuda.so"));
      bound = true;
    }
  }

  /** Makes the device the calling thread's current one. */
  void enter() {
    Cuda.makeCurrent(context);
  }

  /** The stream, for a library's call. */
  Pointer pointer() {
    return new Pointer(stream);
  }

  /** The same as a number. */
  long address() {
    return stream;
  }

  /** What this stream does next waits for what the default one has been asked to do so far. */
  void awaitDefault() {
    order(DEFAULT_STREAM, stream);
  }

  /** What the default stream does next waits for what this one has been asked to do so far. */
  void holdDefault() {
    order(stream, DEFAULT_STREAM);
  }

  private void order(long first, long then) {
    Cuda.check("cuEventRecord", Driver.cuEventRecord(event, first));
    Cuda.check("cuStreamWaitEvent", Driver.cuStreamWaitEvent(then, event, 0));
  }

  @Override
  public void close() {
    enter();
    Cuda.check("cuEventDestroy", Driver.cuEventDestroy_v2(event));
    Cuda.check("cuStreamDestroy", Driver.cuStreamDestroy_v2(stream));
  }
}
