package dev.smalldoge.torch;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;

/**
 * Makes a stream the one that libtorch launches on and takes memory for, on the calling thread,
 * until it is closed; by libtorch's own C interface.
 */
final class TorchStream implements AutoCloseable {
  private static boolean bound;

  private final long guard;

  private static final class Aoti {
    static native int aoti_torch_create_cuda_stream_guard(
        Pointer stream, int device, Pointer guard);

    static native int aoti_torch_delete_cuda_stream_guard(long guard);
  }

  /** Of GPU {@code index}. */
  TorchStream(CudaStream stream, int index) {
    bind();
    Memory out = new Memory(8);
    Cuda.check(
        "aoti_torch_create_cuda_stream_guard",
        Aoti.aoti_torch_create_cuda_stream_guard(stream.pointer(), index, out));
    guard = out.getLong(0);
  }

  private static synchronized void bind() {
    if (!bound) {
      Native.register(Aoti.class, CudaLibraries.loaded("libtorch_cuda.so"));
      bound = true;
    }
  }

  @Override
  public void close() {
    Cuda.check(
        "aoti_torch_delete_cuda_stream_guard", Aoti.aoti_torch_delete_cuda_stream_guard(guard));
  }
}
