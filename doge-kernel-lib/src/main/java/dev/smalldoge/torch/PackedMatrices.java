package dev.smalldoge.torch;

import ai.djl.pytorch.jni.NativeTorch;
import java.util.Set;

/**
 * Matrices rounded to fp16, in the memory layout of libtorch's FBGEMM, which multiplies FLOAT32
 * rows by them on an x86 CPU; products and sums are FLOAT32. They are read by scripts alone.
 *
 * <p>One row waits for memory, so half the bytes are about half the time.
 */
public final class PackedMatrices implements AutoCloseable {
  private static final Set<String> X86 = Set.of("amd64", "x86_64");

  private long handle;

  PackedMatrices(long handle) {
    this.handle = handle;
  }

  /** Whether this device multiplies by them. */
  public static boolean serve(Device device) {
    return !device.isGpu() && X86.contains(System.getProperty("os.arch"));
  }

  long handle() {
    if (handle == 0) {
      throw new IllegalStateException("these matrices are closed");
    }
    return handle;
  }

  @Override
  public void close() {
    if (handle != 0) {
      NativeTorch.deleteValue(handle);
      handle = 0;
    }
  }
}
