package dev.smalldoge.torch;

import dev.smalldoge.config.DogeException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;

/**
 * A pass of the fused kernels, cuBLAS and libtorch's cuDNN attention, recorded once and launched as
 * one, or in a few parts where the host has something to do in between.
 *
 * <p>What libtorch takes and gives back while it is recorded is the graph's for good, though
 * libtorch does not know: its allocator keeps the blocks of each stream apart, so nothing else gets
 * them, but it would hand free ones back to the device when memory runs short. {@link
 * RecordingMemory} therefore holds them afterwards. How much that is shows a first recording, which
 * is thrown away.
 */
public final class RecordedPass implements AutoCloseable {
  private static final int MOST_TRIES = 4;
  private static final long SMALL_BYTES = 32L << 20;

  private final CudaStream stream;
  private final List<CudaGraph> parts;
  private final RecordingMemory memory;

  private RecordedPass(CudaStream stream, List<CudaGraph> parts, RecordingMemory memory) {
    this.stream = stream;
    this.parts = parts;
    this.memory = memory;
  }

  /**
   * Records what each part of a pass launches.
   *
   * @param onto sends launches that are not libtorch's to a stream; 0 is the default one
   * @throws DogeException where the driver cannot record it
   */
  static RecordedPass of(Operations operations, LongConsumer onto, List<Runnable> parts) {
    int index = operations.device().index();
    CudaStream stream = new CudaStream(index);
    RecordedPass recorded = null;
    try (TorchStream current = new TorchStream(stream, index)) {
      onto.accept(stream.address());
      recorded = of(operations, index, stream, parts);
      return recorded;
    } finally {
      onto.accept(0);
      if (recorded == null) {
        close(stream);
      }
    }
  }

  private static RecordedPass of(
      Operations operations, int index, CudaStream stream, List<Runnable> parts) {
    long bytes = 0;
    for (int tries = 0; tries < MOST_TRIES; tries++) {
      Torch.emptyCache(); // then all that the pass takes is seen below
      long small = Math.min(bytes, SMALL_BYTES << tries);
      RecordingMemory memory = new RecordingMemory(operations, bytes, small);
      memory.giveBack();
      long[] taken = new long[1];
      List<CudaGraph> graphs = new ArrayList<>();
      for (Runnable part : parts) {
        graphs.add(new CudaGraph(index, stream, () -> launches(part, taken)));
      }
      if (bytes > 0 && taken[0] <= 0 && memory.takeAgain()) {
        return new RecordedPass(stream, graphs, memory);
      }
      graphs.forEach(CudaGraph::close);
      memory.close();
      bytes += Math.max(0, taken[0]);
    }
    throw new DogeException(
        "the memory of a recorded step did not stay where it was; leave no allocator of your own in"
            + " PYTORCH_CUDA_ALLOC_CONF");
  }

  /** Runs a part; the number of its launches. Adds the bytes that the device lost to it. */
  private static int launches(Runnable part, long... taken) {
    long before = CudaKernels.launches();
    long free = Cuda.memory()[0];
    part.run();
    taken[0] += free - Cuda.memory()[0];
    return Math.toIntExact(CudaKernels.launches() - before);
  }

  /** What the passes work in. */
  public long bytes() {
    return memory.bytes();
  }

  /** Queues a part, by its number, on the default stream; the device must be current. */
  public void launch(int part) {
    parts.get(part).launch();
  }

  /** Gives the memory back, once what was launched is done. */
  @Override
  public void close() {
    parts.forEach(CudaGraph::close);
    memory.close();
    close(stream);
  }

  /** After libtorch has given the stream's memory back, which nothing else could use. */
  private static void close(CudaStream stream) {
    Torch.emptyCache();
    stream.close();
  }
}
