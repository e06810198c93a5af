package dev.smalldoge.torch;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Memory of libtorch's current stream, first taken, then given back for a recorded pass to work in,
 * then taken again for as long as that pass is launched.
 *
 * <p>libtorch's allocator serves what is larger than 1 MiB from one kind of block and the rest from
 * another, of 2 MiB; blocks that were split are whole again when all of their parts are given back.
 */
final class RecordingMemory implements AutoCloseable {
  private static final long SMALL_BYTES = 1L << 20;
  private static final long STEP_BYTES = 2L << 20;
  private static final long LEAST_LARGE_BYTES = 32L << 20;

  private final Operations operations;
  private final long large;
  private final long smalls;
  private final List<Tensor> held = new ArrayList<>();
  private final Set<Long> places = new HashSet<>();

  /**
   * Takes at least so many bytes.
   *
   * @param large bytes for arrays of more than 1 MiB, in one piece; 0 for none
   * @param small bytes for the others; 0 for none
   */
  RecordingMemory(Operations operations, long large, long small) {
    this.operations = operations;
    this.large = large == 0 ? 0 : Math.max(steps(large) * STEP_BYTES, LEAST_LARGE_BYTES);
    this.smalls = steps(small) * (STEP_BYTES / SMALL_BYTES); // whole blocks
    take();
    held.forEach(tensor -> places.add(tensor.address()));
  }

  long bytes() {
    return large + smalls * SMALL_BYTES;
  }

  private static long steps(long bytes) {
    return (bytes + STEP_BYTES - 1) / STEP_BYTES;
  }

  private void take() {
    if (large > 0) {
      held.add(empty(large));
    }
    for (int i = 0; i < smalls; i++) {
      held.add(empty(SMALL_BYTES));
    }
  }

  private Tensor empty(long bytes) {
    return TensorScope.release(operations.fused().empty(DType.FLOAT32, bytes / Float.BYTES));
  }

  /** Gives it to whatever libtorch's current stream asks for. */
  void giveBack() {
    held.forEach(Tensor::close);
    held.clear();
  }

  /** Takes it again; whether all of it is where it was. */
  boolean takeAgain() {
    take();
    Set<Long> now = new HashSet<>();
    held.forEach(tensor -> now.add(tensor.address()));
    return now.equals(places);
  }

  @Override
  public void close() {
    giveBack();
  }
}
