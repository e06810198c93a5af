package dev.smalldoge.torch;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import dev.smalldoge.config.DogeException;

/**
 * The few calls of the CUDA driver that launching a kernel takes, on the device's primary context
 * and its default stream, which are libtorch's too: what we launch runs after what it launched.
 *
 * <p>Handles and device addresses are longs.
 */
final class Cuda {
  private static final int MAJOR = 75;
  private static final int MINOR = 76;
  private static final int MULTIPROCESSORS = 16;
  private static final int NO_TIMING = 2;
  private static boolean bound;

  private Cuda() {}

  /** The driver's own names. */
  private static final class Driver {
    static native int cuDeviceGet(Pointer device, int index);

    static native int cuDeviceGetAttribute(Pointer value, int attribute, int device);

    static native int cuDevicePrimaryCtxRetain(Pointer context, int device);

    static native int cuCtxSetCurrent(long context);

    static native int cuMemGetInfo_v2(Pointer free, Pointer total);

    static native int cuMemHostAlloc(Pointer memory, long bytes, int flags);

    static native int cuMemFreeHost(long memory);

    static native int cuMemcpyHtoDAsync_v2(long target, long source, long bytes, long stream);

    static native int cuEventCreate(Pointer event, int flags);

    static native int cuEventRecord(long event, long stream);

    static native int cuEventSynchronize(long event);

    static native int cuEventDestroy_v2(long event);

    static native int cuModuleLoadData(Pointer module, Pointer image);

    static native int cuModuleGetFunction(Pointer function, long module, String name);

    static native int cuLaunchKernel(
        long function,
        int gridX,
        int gridY,
        int gridZ,
        int blockX,
        int blockY,
        int blockZ,
        int sharedBytes,
        long stream,
        Pointer parameters,
        Pointer extra);
  }

  /** The address of a tensor's first element, by libtorch's own C interface. */
  private static final class Aoti {
    static native int aoti_torch_get_data_ptr(long tensor, Pointer address);
  }

  private static synchronized void bind() {
    if (!bound) {
      Native.register(Driver.class, CudaLibraries.loaded("libcuda.so"));
      Native.register(Aoti.class, CudaLibraries.loaded("libtorch_cpu.so"));
      bound = true;
    }
  }

  /** A device's primary context, to be made current on every thread that launches. */
  static long context(int device) {
    bind();
    Memory out = new Memory(8);
    check("cuDevicePrimaryCtxRetain", Driver.cuDevicePrimaryCtxRetain(out, handle(device)));
    return out.getLong(0);
  }

  static void makeCurrent(long context) {
    check("cuCtxSetCurrent", Driver.cuCtxSetCurrent(context));
  }

  /** The compute capability as in {@code sm_90}: 90. */
  static int architecture(int device) {
    return 10 * attribute(device, MAJOR) + attribute(device, MINOR);
  }

  static int multiprocessors(int device) {
    return attribute(device, MULTIPROCESSORS);
  }

  /** Bytes of the current context's device: free, and in all. */
  static long[] memory() {
    Memory out = new Memory(16);
    check("cuMemGetInfo", Driver.cuMemGetInfo_v2(out, out.share(8)));
    return new long[] {out.getLong(0), out.getLong(8)};
  }

  /** Page-locked host memory, which copies can read while the host goes on. */
  static long pinned(long bytes) {
    Memory out = new Memory(8);
    check("cuMemHostAlloc", Driver.cuMemHostAlloc(out, bytes, 0));
    return out.getLong(0);
  }

  static void freePinned(long memory) {
    if (memory != 0) {
      check("cuMemFreeHost", Driver.cuMemFreeHost(memory));
    }
  }

  /** Queues a copy on the default stream. */
  static void copyFromPinned(long target, long source, long bytes) {
    check("cuMemcpyHtoDAsync", Driver.cuMemcpyHtoDAsync_v2(target, source, bytes, 0));
  }

  /** An event that marks a place in the default stream; it counts as reached until recorded. */
  static long event() {
    Memory out = new Memory(8);
    check("cuEventCreate", Driver.cuEventCreate(out, NO_TIMING));
    return out.getLong(0);
  }

  static void record(long event) {
    check("cuEventRecord", Driver.cuEventRecord(event, 0));
  }

  static void await(long event) {
    check("cuEventSynchronize", Driver.cuEventSynchronize(event));
  }

  static void destroyEvent(long event) {
    check("cuEventDestroy", Driver.cuEventDestroy_v2(event));
  }

  static long module(byte[] cubin) {
    Memory image = new Memory(cubin.length);
    image.write(0, cubin, 0, cubin.length);
    Memory out = new Memory(8);
    check("cuModuleLoadData", Driver.cuModuleLoadData(out, image));
    return out.getLong(0);
  }

  static long function(long module, String name) {
    Memory out = new Memory(8);
    check("cuModuleGetFunction", Driver.cuModuleGetFunction(out, module, name));
    return out.getLong(0);
  }

  /** Launches with arguments packed by {@link CudaArguments}, on a stream; 0 is the default one. */
  static void launch(
      long stream, long function, int gridX, int gridY, int threads, CudaArguments arguments) {
    check(
        "cuLaunchKernel",
        Driver.cuLaunchKernel(
            function, gridX, gridY, 1, threads, 1, 1, 0, stream, Pointer.NULL, arguments.extra()));
  }

  /** Where a tensor's elements begin, on its device. */
  static long address(Tensor tensor) {
    bind();
    Memory out = new Memory(8);
    check("aoti_torch_get_data_ptr", Aoti.aoti_torch_get_data_ptr(tensor.handle(), out));
    return out.getLong(0);
  }

  private static int attribute(int device, int attribute) {
    bind();
    Memory out = new Memory(4);
    check("cuDeviceGetAttribute", Driver.cuDeviceGetAttribute(out, attribute, handle(device)));
    return out.getInt(0);
  }

  private static int handle(int device) {
    Memory out = new Memory(4);
    check("cuDeviceGet", Driver.cuDeviceGet(out, device));
    return out.getInt(0);
  }

  static void check(String call, int code) {
    if (code != 0) {
      throw new DogeException(
          call
              + " failed with code "
              + code
              + "; if the GPU is out of memory, halve microBatchSize, else train without the fused"
              + " kernels");
    }
  }
}
