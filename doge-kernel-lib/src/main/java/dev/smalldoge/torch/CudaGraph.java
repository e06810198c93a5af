package dev.smalldoge.torch;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.util.function.IntSupplier;

/**
 * Kernels recorded once, with their arguments, and launched as one: the host pays one call for all
 * of them, and on Hopper and later each may begin while the one before ends.
 *
 * <p>The arguments stay as they were recorded, so what changes from launch to launch is read from
 * the device's memory. Launches go to the default stream.
 */
public final class CudaGraph implements AutoCloseable {
  private static final int RELAXED = 2;
  private static final long NO_FLAGS = 0;
  private static final long DEFAULT_STREAM = 0;
  private static boolean bound;

  private final long context;
  private final long executable;
  private final int kernels;

  /** The driver's own names. */
  private static final class Driver {
    static native int cuStreamBeginCapture_v2(Pointer stream, int mode);

    static native int cuStreamEndCapture(Pointer stream, Pointer graph);

    static native int cuGraphInstantiateWithFlags(Pointer executable, long graph, long flags);

    static native int cuGraphLaunch(long executable, long stream);

    static native int cuGraphDestroy(long graph);

    static native int cuGraphExecDestroy(long executable);

    static native int cuLaunchKernelEx(
        Pointer launch, long function, Pointer parameters, Pointer extra);
  }

  /** Takes the launches that become a graph. */
  static final class Recorder {
    private static final int STREAM_AT = 32;
    private static final int ATTRIBUTES_AT = 40;
    private static final int ATTRIBUTE_COUNT_AT = 48;
    private static final int LAUNCH_BYTES = 56;
    private static final int ATTRIBUTE_BYTES = 72;
    private static final int MAY_BEGIN_EARLY = 6;

    private final Memory launch = new Memory(LAUNCH_BYTES);
    private final Memory attribute = new Memory(ATTRIBUTE_BYTES);
    private final CudaArguments arguments = new CudaArguments();
    private final boolean overlapping;
    private int kernels;

    private Recorder(CudaStream stream, boolean overlapping) {
      this.overlapping = overlapping;
      launch.clear();
      launch.setPointer(STREAM_AT, stream.pointer());
      launch.setPointer(ATTRIBUTES_AT, attribute);
      attribute.clear();
      attribute.setInt(0, MAY_BEGIN_EARLY);
      attribute.setInt(8, 1);
    }

    /** Records a launch of {@code gridX} by {@code gridY} blocks. */
    void launch(long function, int gridX, int gridY, int threads, Object... values) {
      launch.setInt(0, gridX);
      launch.setInt(4, gridY);
      launch.setInt(8, 1);
      launch.setInt(12, threads);
      launch.setInt(16, 1);
      launch.setInt(20, 1);
      launch.setInt(ATTRIBUTE_COUNT_AT, overlapping && kernels > 0 ? 1 : 0);
      Pointer parameters = arguments.of(values).parameters();
      Cuda.check(
          "cuLaunchKernelEx", Driver.cuLaunchKernelEx(launch, function, parameters, Pointer.NULL));
      kernels++;
    }
  }

  /** What is recorded. */
  interface Recording {
    void to(Recorder recorder);
  }

  /**
   * Records a graph for GPU {@code index}, which is made current.
   *
   * @param overlapping whether every kernel waits by itself for the one before
   * @throws dev.smalldoge.config.DogeException where the driver cannot
   */
  static CudaGraph of(int index, boolean overlapping, Recording recording) {
    try (CudaStream stream = new CudaStream(index)) {
      return new CudaGraph(
          index,
          stream,
          () -> {
            Recorder recorder = new Recorder(stream, overlapping);
            recording.to(recorder);
            return recorder.kernels;
          });
    }
  }

  /**
   * Records all that is launched on a stream of GPU {@code index} meanwhile, by whomever.
   *
   * @param launches what launches, and gives the number of kernels
   * @throws dev.smalldoge.config.DogeException where the driver cannot
   */
  CudaGraph(int index, CudaStream stream, IntSupplier launches) {
    bind();
    context = Cuda.context(index);
    Memory out = new Memory(8);
    Cuda.check("cuStreamBeginCapture", Driver.cuStreamBeginCapture_v2(stream.pointer(), RELAXED));
    int ended;
    try {
      kernels = launches.getAsInt();
    } finally {
      out.setLong(0, 0);
      ended = Driver.cuStreamEndCapture(stream.pointer(), out); // whatever has happened
    }
    Cuda.check("cuStreamEndCapture", ended);
    long graph = out.getLong(0);
    Cuda.check("cuGraphInstantiate", Driver.cuGraphInstantiateWithFlags(out, graph, NO_FLAGS));
    executable = out.getLong(0);
    Cuda.check("cuGraphDestroy", Driver.cuGraphDestroy(graph));
  }

  private static synchronized void bind() {
    if (!bound) {
      Native.register(Driver.class, CudaLibraries.loaded("libcuda.so"));
      bound = true;
    }
  }

  /** Queues all of it; the device must be current. */
  public void launch() {
    CudaKernels.count(kernels);
    Cuda.check("cuGraphLaunch", Driver.cuGraphLaunch(executable, DEFAULT_STREAM));
  }

  /** Gives the memory back; no launch may be running. */
  @Override
  public void close() {
    Cuda.makeCurrent(context);
    Cuda.check("cuGraphExecDestroy", Driver.cuGraphExecDestroy(executable));
  }
}
