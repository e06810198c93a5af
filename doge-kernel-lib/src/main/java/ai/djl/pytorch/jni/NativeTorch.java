package ai.djl.pytorch.jni;

import java.io.InputStream;
import java.nio.ByteBuffer;

/**
 * Opens DJL's package-private native calls to the {@code torch} room, which is their only caller.
 *
 * <p>It lives in DJL's package because DJL's public paths either run without autograd or build a
 * Java object with a name and a registry entry for every tensor (2.2 us an operator against 21 ns
 * for the bare call). Tensors are raw {@code at::Tensor*} handles here; whoever gets one deletes
 * it.
 */
public final class NativeTorch {
  private static final PyTorchLibrary LIB = PyTorchLibrary.LIB;
  private static final int STRIDED = 0;
  private static final int UNKNOWN_DTYPE = 9;

  private NativeTorch() {}

  /** Runs a module's method, keeping the calling thread's grad mode; the result is an IValue. */
  public static long runMethod(long module, String method, long... arguments) {
    return LIB.moduleRunMethod(module, method, arguments, true, false);
  }

  /** Loads a TorchScript archive onto a device ({type, index}; CPU is {0, -1}). */
  public static long loadModule(InputStream archive, int[] device) {
    return LIB.moduleLoad(archive, device, true, new byte[4096], -1);
  }

  /** The names of a module's methods. */
  public static String[] methodNames(long module) {
    return LIB.moduleGetMethodNames(module);
  }

  /** A tensor over (CPU) or from (CUDA) a direct buffer in native order, from position 0. */
  public static long fromBuffer(ByteBuffer buffer, long[] shape, int dtype, int[] device) {
    return LIB.torchFromBlob(buffer, shape, dtype, STRIDED, device, false);
  }

  /**
   * A copy of a tensor's bytes, brought to the host.
   *
   * @throws IllegalStateException for a type that DJL does not know, on whose copy it would abort
   */
  public static byte[] bytes(long tensor) {
    if (LIB.torchDevice(tensor)[0] == 0) {
      return LIB.torchDataPtr(tensor);
    }
    int dtype = dtype(tensor);
    if (dtype == UNKNOWN_DTYPE) {
      throw new IllegalStateException("a bf16 tensor cannot be read from a GPU; cast it first");
    }
    long onHost = LIB.torchTo(tensor, dtype, new int[] {0, -1});
    try {
      return LIB.torchDataPtr(onHost);
    } finally {
      LIB.torchDeleteTensor(onHost);
    }
  }

  /** A CPU tensor's own memory. */
  public static ByteBuffer memory(long tensor) {
    return LIB.torchDirectByteBuffer(tensor);
  }

  /** A tensor's shape. */
  public static long[] shape(long tensor) {
    return LIB.torchSizes(tensor);
  }

  /** A tensor's dtype as DJL numbers it; 9 for those it does not know, bf16 among them. */
  public static int dtype(long tensor) {
    return LIB.torchDType(tensor);
  }

  /** Frees a tensor handle. */
  public static void deleteTensor(long tensor) {
    LIB.torchDeleteTensor(tensor);
  }

  /** Turns gradient recording of a leaf on or off. */
  public static void requireGrad(long tensor, boolean required) {
    LIB.torchAttachGrad(tensor, required);
  }

  /** A new handle on a leaf's gradient; 0 where none was made yet. */
  public static long gradient(long tensor) {
    return LIB.torchGrad(tensor);
  }

  /** Adds the gradients of {@code sum(tensor * seed)} to every leaf behind the tensor. */
  public static void backward(long tensor, long seed) {
    LIB.torchBackward(tensor, seed, false, false);
  }

  /** A new handle on the same storage, cut off the graph. */
  public static long detach(long tensor) {
    return LIB.torchDetachGrad(tensor);
  }

  public static boolean isGradMode() {
    return LIB.torchIsGradMode();
  }

  public static void setGradMode(boolean on) {
    LIB.torchSetGradMode(on);
  }

  public static void setSeed(long seed) {
    LIB.torchManualSeed(seed);
  }

  public static long fromTensor(long tensor) {
    return LIB.iValueFromTensor(tensor);
  }

  public static long fromTensors(long... tensors) {
    return LIB.iValueFromTensorList(tensors);
  }

  public static long fromLong(long value) {
    return LIB.iValueFromLong(value);
  }

  public static long fromLongs(long... values) {
    return LIB.iValueFromLongList(values);
  }

  public static long fromDouble(double value) {
    return LIB.iValueFromDouble(value);
  }

  public static long fromBool(boolean value) {
    return LIB.iValueFromBool(value);
  }

  public static long toTensor(long value) {
    return LIB.iValueToTensor(value);
  }

  public static long[] toTuple(long value) {
    return LIB.iValueToIValueTuple(value);
  }

  public static long[] toTensors(long value) {
    return LIB.iValueToTensorList(value);
  }

  public static boolean isTuple(long value) {
    return LIB.iValueIsTuple(value);
  }

  public static boolean isTensors(long value) {
    return LIB.iValueIsTensorList(value);
  }

  public static void deleteValue(long value) {
    LIB.torchDeleteIValue(value);
  }

  /** Gives cached CUDA memory back to the driver. */
  public static void emptyCache() {
    LIB.torchCudaEmptyCache();
  }
}
