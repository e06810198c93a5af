package dev.smalldoge.torch;

import dev.smalldoge.config.DogeException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** One program of our kernels on one device, and how they are launched. */
final class CudaKernels {
  /** Threads of most blocks. */
  static final int THREADS = 256;

  private static final AtomicLong LAUNCHES = new AtomicLong();

  /** What this process has loaded, by device, texts and constants; it stays loaded. */
  private static final Map<List<Object>, CudaProgram> PROGRAMS = new ConcurrentHashMap<>();

  private static final int OLDEST_ARCHITECTURE = 80;
  private static final int ROWS_PER_BLOCK = 8;

  private final long context;
  private final int processors;
  private final CudaProgram program;
  private final CudaArguments arguments = new CudaArguments();
  private long stream;

  /**
   * Compiles the program, or takes it from before, and makes the device current.
   *
   * @param parts names of the texts that follow the common one
   * @param constants what the texts leave open
   * @throws DogeException where the device or its libraries cannot run it
   */
  CudaKernels(Device device, List<String> parts, Map<String, Integer> constants) {
    this.context = Cuda.context(device.index());
    Cuda.makeCurrent(context);
    int architecture = Cuda.architecture(device.index());
    if (architecture < OLDEST_ARCHITECTURE) {
      throw new DogeException(
          "compute capability "
              + architecture
              + " has no bf16 arithmetic; the fused kernels need 80 or later");
    }
    this.processors = Cuda.multiprocessors(device.index());
    this.program =
        PROGRAMS.computeIfAbsent(
            List.of(device, parts, constants),
            key -> new CudaProgram(architecture, parts, constants));
  }

  /** Makes this device current on the calling thread; once before a step's first launch. */
  void enter() {
    Cuda.makeCurrent(context);
  }

  /** Launches go to this stream from now on; at first to the default one, 0. */
  void onto(long newStream) {
    stream = newStream;
  }

  int processors() {
    return processors;
  }

  /** The kernel of this name. */
  long function(String name) {
    return program.function(name);
  }

  void launch(String kernel, long blocksX, int blocksY, int threads, Object... values) {
    count();
    Cuda.launch(
        stream,
        program.function(kernel),
        Math.toIntExact(blocksX),
        blocksY,
        threads,
        arguments.of(values));
  }

  /** Blocks of a kernel whose warps take a row each. */
  static long blocks(long rows) {
    return (rows + ROWS_PER_BLOCK - 1) / ROWS_PER_BLOCK;
  }

  /** Blocks of a kernel whose threads go on until all is done. */
  long elementBlocks(long threads) {
    return Math.min((threads + THREADS - 1) / THREADS, 8L * processors);
  }

  /** Counts a launch. */
  static void count() {
    count(1);
  }

  static void count(int launches) {
    LAUNCHES.addAndGet(launches);
  }

  /** What this process has launched. */
  static long launches() {
    return LAUNCHES.get();
  }
}
