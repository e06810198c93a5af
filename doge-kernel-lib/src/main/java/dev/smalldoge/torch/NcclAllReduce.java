package dev.smalldoge.torch;

import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import dev.smalldoge.config.Checks;
import dev.smalldoge.io.RankLinks;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * Sums arrays over GPUs by NCCL, on a stream of its own: while one layer's gradients travel, the
 * next one's are computed.
 *
 * <p>The arrays are summed where they lie, with no copy; the arrays of one call are one group,
 * which NCCL sends together.
 */
final class NcclAllReduce implements AllReduce {
  private final Nccl nccl;
  private final CudaStream stream;
  private Pointer communicator;

  private NcclAllReduce(Nccl nccl, CudaStream stream, Pointer communicator) {
    this.nccl = nccl;
    this.stream = stream;
    this.communicator = communicator;
  }

  static NcclAllReduce open(RankLinks links, Device device) {
    Nccl nccl = Nccl.load();
    CudaStream stream = new CudaStream(device.index());
    Nccl.UniqueId.ByValue id = new Nccl.UniqueId.ByValue();
    if (links.world().isFirst()) {
      Nccl.UniqueId made = new Nccl.UniqueId();
      check(nccl, nccl.ncclGetUniqueId(made), "ncclGetUniqueId");
      id.internal = made.internal;
    }
    links.broadcast(ByteBuffer.wrap(id.internal));
    PointerByReference made = new PointerByReference();
    check(
        nccl,
        nccl.ncclCommInitRank(made, links.world().size(), id, links.world().rank()),
        "ncclCommInitRank");
    return new NcclAllReduce(nccl, stream, made.getValue());
  }

  private static void check(Nccl nccl, int result, String call) {
    Checks.check(
        result == 0,
        "NCCL's %s failed (%d: %s); set NCCL_DEBUG=WARN and start again to see its reason",
        call,
        result,
        nccl.ncclGetErrorString(result));
  }

  @Override
  public void sum(List<Tensor> arrays) {
    together(
        arrays,
        (memory, count) ->
            nccl.ncclAllReduce(
                memory, memory, count, Nccl.FLOAT32, Nccl.SUM, communicator, stream.pointer()));
  }

  @Override
  public void broadcast(List<Tensor> arrays) {
    together(
        arrays,
        (memory, count) ->
            nccl.ncclBroadcast(
                memory, memory, count, Nccl.FLOAT32, 0, communicator, stream.pointer()));
    finish();
  }

  /** One array's part of a group; its result is NCCL's. */
  private interface Part {
    int add(Pointer memory, long count);
  }

  private void together(List<Tensor> arrays, Part part) {
    stream.enter();
    stream.awaitDefault();
    check(nccl, nccl.ncclGroupStart(), "ncclGroupStart");
    for (Tensor array : arrays) { // by its address of now: gradients may move between steps
      check(nccl, part.add(new Pointer(Cuda.address(array)), array.size()), "collective call");
    }
    check(nccl, nccl.ncclGroupEnd(), "ncclGroupEnd");
  }

  @Override
  public void finish() {
    stream.enter();
    stream.holdDefault();
  }

  @Override
  public synchronized void abort() {
    if (communicator != null) {
      nccl.ncclCommAbort(communicator); // what it returns helps nobody any more
      communicator = null;
    }
  }

  @Override
  public synchronized void close() {
    if (communicator != null) {
      check(nccl, nccl.ncclCommDestroy(communicator), "ncclCommDestroy");
      communicator = null;
      stream.close();
    }
  }
}
