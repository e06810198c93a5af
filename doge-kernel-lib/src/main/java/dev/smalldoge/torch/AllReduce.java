package dev.smalldoge.torch;

import dev.smalldoge.io.RankLinks;
import java.util.List;

/**
 * Sums FLOAT32 arrays over the processes that train together, each process having arrays of the
 * same shapes on a device of its own.
 *
 * <p>Every rank calls the same methods in the same order, from one thread.
 */
public interface AllReduce extends AutoCloseable {
  /**
   * Over NCCL where the arrays are on a GPU, over plain sockets on the CPU.
   *
   * @param links the connected ranks; still the caller's to close
   * @throws dev.smalldoge.config.DogeException where NCCL is needed and not there
   */
  static AllReduce over(RankLinks links, Device device) {
    return device.isGpu() ? NcclAllReduce.open(links, device) : new SocketAllReduce(links);
  }

  /**
   * Begins to replace arrays by their sums over all ranks, in place; what is computed on the device
   * before the call is in the sums, and the arrays must be left alone until {@link #finish}.
   */
  void sum(List<Tensor> arrays);

  /** Replaces arrays by those of rank 0, in place; complete for all that the device does next. */
  void broadcast(List<Tensor> arrays);

  /** Lets all that the device does next wait for the sums that were begun; the host does not. */
  void finish();

  /** Makes what waits for a lost rank end; callable from any thread. */
  void abort();

  @Override
  void close();
}
