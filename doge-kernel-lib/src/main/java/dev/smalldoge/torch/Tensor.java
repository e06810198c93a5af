package dev.smalldoge.torch;

import ai.djl.pytorch.jni.NativeTorch;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;

/**
 * An array on a device: a handle on libtorch's memory, which {@link #close} gives back.
 *
 * <p>It offers no arithmetic on purpose. DJL's own array aborts the whole process for a bf16 array
 * in {@code toType}, {@code zeros}, {@code softmax} and others; here every operation is a named
 * script of {@link Operations}, which casts inside.
 *
 * <p>A tensor made while a {@link TensorScope} is open on the thread is closed with that scope
 * unless it is {@linkplain TensorScope#keep kept}. Closing twice is allowed.
 */
public final class Tensor implements AutoCloseable {
  private static final AtomicLong LIVE = new AtomicLong();

  /** Memory that a CPU tensor borrows; null where it has its own. */
  @SuppressWarnings("unused") // held, so that it outlives the tensor
  private ByteBuffer borrowed;

  private long handle;
  private long address;

  Tensor(long handle, ByteBuffer borrowed) {
    this.handle = handle;
    this.borrowed = borrowed;
    LIVE.incrementAndGet();
    TensorScope.register(this);
  }

  Tensor(long handle) {
    this(handle, null);
  }

  /** Tensors of this process that are not closed. A training step leaves this number as it was. */
  public static long live() {
    return LIVE.get();
  }

  long handle() {
    if (handle == 0) {
      throw new IllegalStateException("this tensor is closed");
    }
    return handle;
  }

  /** Its elements were moved elsewhere, by {@link Operations#shareRows}. */
  void moved() {
    address = 0;
  }

  /** Where the elements of a GPU tensor begin; the same until they are moved. */
  long address() {
    if (address == 0) {
      address = Cuda.address(this);
    }
    return address;
  }

  /** A CPU tensor's own bytes in native order, to read and to write; at most 2 GiB. */
  ByteBuffer memory() {
    return NativeTorch.memory(handle()).order(ByteOrder.nativeOrder());
  }

  /** Lengths of the axes. */
  public long[] shape() {
    return NativeTorch.shape(handle());
  }

  /** Number of elements. */
  public long size() {
    return Arrays.stream(shape()).reduce(1, Math::multiplyExact);
  }

  /** Turns gradient recording on or off; for parameters, which are leaves. */
  public void requireGradient(boolean required) {
    NativeTorch.requireGrad(handle(), required);
  }

  /**
   * The gradient that backward passes add to, as an array of its own over the same memory.
   *
   * @throws IllegalStateException if no backward pass reached this tensor yet
   */
  public Tensor gradient() {
    long gradient = NativeTorch.gradient(handle());
    if (gradient == 0) {
      throw new IllegalStateException("no gradient was computed for this tensor");
    }
    return new Tensor(gradient);
  }

  /** The same memory, cut off the recorded graph. */
  public Tensor detach() {
    return new Tensor(NativeTorch.detach(handle()));
  }

  /**
   * Adds the gradients of {@code sum(this * seed)} to every parameter behind this tensor.
   *
   * @param seed gradient with respect to this tensor, of its shape and type
   */
  public void backward(Tensor seed) {
    NativeTorch.backward(handle(), seed.handle());
  }

  /** The bytes, little-endian, brought to the host; waits for the device. At most 2 GiB. */
  public ByteBuffer toBytes() {
    return ByteBuffer.wrap(NativeTorch.bytes(handle())).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** The elements of a FLOAT32 tensor, in row-major order. */
  public float[] toFloats() {
    float[] values = new float[Math.toIntExact(size())];
    toBytes().asFloatBuffer().get(values);
    return values;
  }

  /** The elements of an INT64 tensor, in row-major order. */
  public long[] toLongs() {
    long[] values = new long[Math.toIntExact(size())];
    toBytes().asLongBuffer().get(values);
    return values;
  }

  /** The only element of a FLOAT32 or FLOAT64 tensor; waits for the device. */
  public double item() {
    ByteBuffer bytes = toBytes();
    return bytes.remaining() == Double.BYTES ? bytes.getDouble(0) : bytes.getFloat(0);
  }

  @Override
  public void close() {
    if (handle != 0) {
      NativeTorch.deleteTensor(handle);
      handle = 0;
      borrowed = null;
      LIVE.decrementAndGet();
    }
  }

  @Override
  public String toString() {
    return handle == 0 ? "closed tensor" : "tensor " + Arrays.toString(shape());
  }
}
