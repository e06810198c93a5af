package dev.smalldoge.torch;

import com.sun.jna.Callback;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.LongByReference;
import com.sun.jna.ptr.PointerByReference;
import dev.smalldoge.config.DogeException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * What the GPU did from {@link #start} to {@link #stop}, kernel by kernel, as CUPTI tells it, the
 * interface that NVIDIA's profilers use. Every launch takes about 1 us longer meanwhile.
 */
public final class GpuActivity {
  /**
   * A stretch of work.
   *
   * @param kernels those that ran, libtorch's and the libraries' included, the longest first
   * @param busy seconds in which one of them, a copy or a fill was under way
   * @param idleShare part of the time in which none was, after the first quarter of them, which
   *     wait for the host to get ahead
   */
  public record Seen(List<KernelTime> kernels, double busy, double idleShare) {
    /** How often kernels were launched, one by one or in a graph. */
    public long launches() {
      return kernels.stream().mapToLong(KernelTime::launches).sum();
    }
  }

  /** All launches of the kernel of one name, as compiled, and the seconds that they took. */
  public record KernelTime(String name, long launches, double seconds) {
    KernelTime plus(KernelTime other) {
      return new KernelTime(name, launches + other.launches, seconds + other.seconds);
    }
  }

  private static final int COPY = 1;
  private static final int FILL = 2;
  private static final int CONCURRENT_KERNEL = 10;
  private static final List<Integer> KINDS = List.of(COPY, FILL, CONCURRENT_KERNEL);
  private static final int FORCED = 1;
  private static final long BUFFER_BYTES = 8L << 20;

  /** Where records of all three kinds hold their times, in all releases since CUDA 9. */
  private static final long START = 16;

  private static final long END = 24;

  /** Where a kernel's record holds its name, in all releases since CUDA 8. */
  private static final long NAME = 104;

  private static Optional<GpuActivity> instance;

  private final Map<String, KernelTime> kernels = new ConcurrentHashMap<>();
  private final List<long[]> intervals = new CopyOnWriteArrayList<>();
  private final ConcurrentHashMap<Long, Memory> buffers = new ConcurrentHashMap<>();
  private final Request request = this::request;
  private final Complete complete = this::complete;

  private static final class Cupti {
    static native int cuptiActivityRegisterCallbacks(Request request, Complete complete);

    static native int cuptiActivityEnable(int kind);

    static native int cuptiActivityDisable(int kind);

    static native int cuptiActivityFlushAll(int flag);

    static native int cuptiActivityGetNextRecord(
        Pointer buffer, long validBytes, PointerByReference record);
  }

  /** CUPTI asks for memory to write records to. */
  private interface Request extends Callback {
    void invoke(PointerByReference buffer, LongByReference size, LongByReference mostRecords);
  }

  /** CUPTI hands back memory with records in it. */
  private interface Complete extends Callback {
    void invoke(Pointer context, int stream, Pointer buffer, long size, long validBytes);
  }

  private GpuActivity() {
    Native.register(Cupti.class, CudaLibraries.loaded("libcupti.so"));
    Cuda.check("cuptiActivityRegisterCallbacks", register());
  }

  private int register() {
    return Cupti.cuptiActivityRegisterCallbacks(request, complete);
  }

  /** The process's one; empty where CUPTI is missing. */
  public static synchronized Optional<GpuActivity> available() {
    if (instance == null) {
      try {
        instance = Optional.of(new GpuActivity());
      } catch (DogeException | LinkageError e) {
        instance = Optional.empty(); // the figure is then not told
      }
    }
    return instance;
  }

  /** Begins to look; what was queued before and runs later counts too, so wait for it first. */
  public void start() {
    intervals.clear();
    kernels.clear();
    for (int kind : KINDS) {
      Cuda.check("cuptiActivityEnable", Cupti.cuptiActivityEnable(kind));
    }
  }

  /** What was seen; all of it must have ended. */
  public Seen stop() {
    Cuda.check("cuptiActivityFlushAll", Cupti.cuptiActivityFlushAll(FORCED));
    for (int kind : KINDS) {
      Cuda.check("cuptiActivityDisable", Cupti.cuptiActivityDisable(kind));
    }
    List<long[]> found = new ArrayList<>(intervals);
    List<KernelTime> longest =
        kernels.values().stream()
            .sorted(Comparator.comparingDouble(KernelTime::seconds).reversed())
            .toList();
    return new Seen(longest, busy(found), idleShare(found));
  }

  /** Seconds of starts and ends in nanoseconds, which may overlap. */
  static double busy(List<long[]> intervals) {
    intervals.sort(Comparator.comparingLong(i -> i[0]));
    long busy = 0;
    long end = Long.MIN_VALUE;
    for (long[] interval : intervals) {
      busy += Math.max(0, interval[1] - Math.max(end, interval[0]));
      end = Math.max(end, interval[1]);
    }
    return busy / 1e9;
  }

  /**
   * Of intervals in the order of their starts, the part of the later three quarters between them.
   */
  static double idleShare(List<long[]> intervals) {
    List<long[]> later = new ArrayList<>(intervals.subList(intervals.size() / 4, intervals.size()));
    if (later.isEmpty()) {
      return 0;
    }
    long end = later.stream().mapToLong(i -> i[1]).max().getAsLong();
    return 1 - busy(later) * 1e9 / (end - later.get(0)[0]);
  }

  private void request(
      PointerByReference buffer, LongByReference size, LongByReference mostRecords) {
    Memory memory = new Memory(BUFFER_BYTES);
    buffers.put(Pointer.nativeValue(memory), memory);
    buffer.setValue(memory);
    size.setValue(BUFFER_BYTES);
    mostRecords.setValue(0);
  }

  private void complete(Pointer context, int stream, Pointer buffer, long size, long validBytes) {
    PointerByReference record = new PointerByReference();
    List<long[]> found = new ArrayList<>();
    while (Cupti.cuptiActivityGetNextRecord(buffer, validBytes, record) == 0) {
      Pointer at = record.getValue();
      int kind = at.getInt(0);
      if (kind == CONCURRENT_KERNEL) {
        String name = at.getPointer(NAME).getString(0);
        double seconds = (at.getLong(END) - at.getLong(START)) / 1e9;
        kernels.merge(name, new KernelTime(name, 1, seconds), KernelTime::plus);
      }
      if (KINDS.contains(kind)) {
        found.add(new long[] {at.getLong(START), at.getLong(END)});
      }
    }
    intervals.addAll(found);
    buffers.remove(Pointer.nativeValue(buffer));
  }
}
