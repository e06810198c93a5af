package dev.smalldoge.torch;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;

/**
 * Matrix products of bf16 arrays with fp32 sums, by cuBLAS. Unlike libtorch's own they add straight
 * into FLOAT32 gradients.
 *
 * <p>They work in memory that is given, so that a recorded product finds it where it was.
 *
 * <p>Arrays are row-major here; cuBLAS counts by columns, so it sees every one transposed. x is (n,
 * in), weight (out, in), y (n, out).
 */
final class CuBlas {
  private static final int PLAIN = 0;
  private static final int TRANSPOSED = 1;
  private static final int BFLOAT16 = 14;
  private static final int FLOAT32 = 0;
  private static final int COMPUTE_FLOAT32 = 68;
  private static final int DEFAULT = -1;
  private static boolean bound;

  /** What cuBLAS takes on Hopper if it is left to itself. */
  private static final long WORKSPACE_BYTES = 32L << 20;

  private final long handle;
  private final Tensor workspace;
  private final Factors plain;

  private static final class Library {
    static native int cublasCreate_v2(Pointer handle);

    static native int cublasSetStream_v2(long handle, long stream);

    static native int cublasSetPointerMode_v2(long handle, int mode);

    static native int cublasSetWorkspace_v2(long handle, long workspace, long bytes);

    static native int cublasGemmEx(
        long handle,
        int transposeA,
        int transposeB,
        int m,
        int n,
        int k,
        Pointer alpha,
        long a,
        int typeA,
        int strideA,
        long b,
        int typeB,
        int strideB,
        Pointer beta,
        long c,
        int typeC,
        int strideC,
        int compute,
        int algorithm);
  }

  /**
   * FLOAT32 numbers that cuBLAS reads when a product runs.
   *
   * @param times what the product is multiplied by
   * @param onDevice whether they are the device's, where what a recorded product reads may change
   */
  private record Factors(Pointer times, Pointer zero, Pointer one, boolean onDevice) {
    /** Consecutive ones from an address on. */
    static Factors at(Pointer first, boolean onDevice) {
      return new Factors(first, first.share(4), first.share(8), onDevice);
    }
  }

  /** A handle on the current context. */
  CuBlas(Operations operations) {
    bind();
    workspace =
        TensorScope.release(operations.fused().empty(DType.FLOAT32, WORKSPACE_BYTES / Float.BYTES));
    Memory out = new Memory(8);
    Cuda.check("cublasCreate", Library.cublasCreate_v2(out));
    handle = out.getLong(0);
    Memory numbers = new Memory(12);
    numbers.write(0, new float[] {1, 0, 1}, 0, 3);
    plain = Factors.at(numbers, false);
    onto(0);
  }

  /** Products go to this stream from now on; 0 is the default one. */
  void onto(long stream) {
    Cuda.check("cublasSetStream", Library.cublasSetStream_v2(handle, stream));
    // which has just taken another workspace
    Cuda.check(
        "cublasSetWorkspace",
        Library.cublasSetWorkspace_v2(handle, workspace.address(), WORKSPACE_BYTES));
  }

  private static synchronized void bind() {
    if (!bound) {
      Native.register(Library.class, CudaLibraries.loaded("libcublas.so"));
      bound = true;
    }
  }

  /** y = x · weightᵀ, bf16. */
  void forward(long x, long weight, long y, int n, int in, int out) {
    multiply(plain, TRANSPOSED, PLAIN, out, n, in, weight, in, x, in, false, y, BFLOAT16, out);
  }

  /** y = x · weightᵀ, FLOAT32. */
  void forwardWide(long x, long weight, long y, int n, int in, int out) {
    multiply(plain, TRANSPOSED, PLAIN, out, n, in, weight, in, x, in, false, y, FLOAT32, out);
  }

  /** y += x · weightᵀ, bf16. */
  void addForward(long x, long weight, long y, int n, int in, int out) {
    multiply(plain, TRANSPOSED, PLAIN, out, n, in, weight, in, x, in, true, y, BFLOAT16, out);
  }

  /** dx = dy · weight, bf16. */
  void backward(long dy, long weight, long dx, int n, int in, int out) {
    backward(plain, dy, weight, dx, n, in, out);
  }

  /** dx = factor · dy · weight, bf16; the device has FLOAT32 {factor, 0, 1} at {@code factors}. */
  void backward(long factors, long dy, long weight, long dx, int n, int in, int out) {
    backward(Factors.at(new Pointer(factors), true), dy, weight, dx, n, in, out);
  }

  private void backward(Factors by, long dy, long weight, long dx, int n, int in, int out) {
    multiply(by, PLAIN, PLAIN, in, n, out, weight, in, dy, out, false, dx, BFLOAT16, in);
  }

  /** dx += dy · weight, bf16. */
  void addBackward(long dy, long weight, long dx, int n, int in, int out) {
    multiply(plain, PLAIN, PLAIN, in, n, out, weight, in, dy, out, true, dx, BFLOAT16, in);
  }

  /** dweight += dyᵀ · x, FLOAT32. */
  void addWeightGradient(long dy, long x, long dweight, int n, int in, int out) {
    addWeightGradient(plain, dy, x, dweight, n, in, out);
  }

  /** dweight += factor · dyᵀ · x, FLOAT32, with factors as {@link #backward}. */
  void addWeightGradient(long factors, long dy, long x, long dweight, int n, int in, int out) {
    addWeightGradient(Factors.at(new Pointer(factors), true), dy, x, dweight, n, in, out);
  }

  private void addWeightGradient(
      Factors by, long dy, long x, long dweight, int n, int in, int out) {
    multiply(by, PLAIN, TRANSPOSED, in, out, n, x, in, dy, out, true, dweight, FLOAT32, in);
  }

  private void multiply(
      Factors by,
      int transposeA,
      int transposeB,
      int m,
      int n,
      int k,
      long a,
      int strideA,
      long b,
      int strideB,
      boolean add,
      long c,
      int typeC,
      int strideC) {
    Cuda.check(
        "cublasSetPointerMode", Library.cublasSetPointerMode_v2(handle, by.onDevice ? 1 : 0));
    Cuda.check(
        "cublasGemmEx",
        Library.cublasGemmEx(
            handle,
            transposeA,
            transposeB,
            m,
            n,
            k,
            by.times,
            a,
            BFLOAT16,
            strideA,
            b,
            BFLOAT16,
            strideB,
            add ? by.one : by.zero,
            c,
            typeC,
            strideC,
            COMPUTE_FLOAT32,
            DEFAULT));
  }
}
