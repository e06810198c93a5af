package dev.smalldoge.io;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import dev.smalldoge.config.NearestWord;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.MappedByteBuffer;
import java.nio.ShortBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads tensors of a safetensors file, or of a model folder with one or several, through memory
 * mapping: opening costs the header alone, and a tensor's bytes are read when they are touched.
 *
 * <p>Buffers stay valid after {@link #close}: the pages are given back once no buffer is reachable,
 * so a late read can never crash. The mapping is read-only, for native code too: copy before
 * writing.
 *
 * <p>A header that lies is refused with the file, the tensor, what was expected and what was found.
 *
 * <p>Example: {@code try (var weights = Safetensors.open(folder)) {
 * weights.floats("lm_head.weight") }}.
 */
public final class Safetensors implements AutoCloseable {
  /** The name of a model folder's only weight file. */
  public static final String FILE = "model.safetensors";

  /** The name of a model folder's list of weight files. */
  public static final String INDEX = "model.safetensors.index.json";

  private final Path path;
  private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();
  private final Map<String, Window> windows = new LinkedHashMap<>();
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private volatile boolean closed;

  /** A mapped run of bytes of one file that holds whole tensors. */
  private record Window(MappedByteBuffer bytes, long start) {}

  private Safetensors(Path path) {
    this.path = path;
  }

  /**
   * Opens a file, or a folder that has {@code model.safetensors} or else {@code
   * model.safetensors.index.json} with the files it lists.
   *
   * @throws DogeException if something is missing, damaged or contradicts itself
   */
  public static Safetensors open(Path fileOrFolder) {
    Safetensors opened = new Safetensors(fileOrFolder);
    if (!Files.isDirectory(fileOrFolder)) {
      opened.map(fileOrFolder);
    } else if (Files.exists(fileOrFolder.resolve(FILE))) {
      opened.map(fileOrFolder.resolve(FILE));
    } else if (Files.exists(fileOrFolder.resolve(INDEX))) {
      SafetensorsIndex index = SafetensorsIndex.read(fileOrFolder.resolve(INDEX));
      index.files().forEach(name -> opened.map(fileOrFolder.resolve(name)));
      index.requireAgreement(opened.tensors);
    } else {
      throw new DogeException(
          fileOrFolder
              + " has neither "
              + FILE
              + " nor "
              + INDEX
              + "; give the folder of a saved model, or a .safetensors file");
    }
    return opened;
  }

  private void map(Path file) {
    try (FileChannel channel = FileChannel.open(file)) {
      SafetensorsHeader header = SafetensorsHeader.read(file, channel);
      header.metadata().forEach(metadata::putIfAbsent);
      for (TensorInfo info : header.tensors().values()) {
        TensorInfo other = tensors.put(info.name(), info);
        check(
            other == null,
            "Tensor \"%s\" is in %s and in %s; each may be in one file only",
            info.name(),
            other == null ? "" : other.file(),
            file);
      }
      mapWindows(channel, new ArrayList<>(header.tensors().values()));
    } catch (NoSuchFileException e) {
      throw new DogeException(
          file + " does not exist; check the path, or fetch the model first", e);
    } catch (IOException e) {
      throw new DogeException(file + " cannot be read: " + e + "; check the disk and try again", e);
    }
  }

  /** Maps neighbours together, at most 2 GiB at a time; a tensor beyond that stays unmapped. */
  private void mapWindows(FileChannel channel, List<TensorInfo> infos) throws IOException {
    infos.removeIf(info -> info.byteLength() > Integer.MAX_VALUE);
    infos.sort(Comparator.comparingLong(TensorInfo::position));
    for (int from = 0, to; from < infos.size(); from = to) {
      long start = infos.get(from).position();
      long end = start;
      for (to = from; to < infos.size(); to++) {
        long next = infos.get(to).position() + infos.get(to).byteLength();
        if (next - start > Integer.MAX_VALUE) {
          break;
        }
        end = next;
      }
      MappedByteBuffer bytes = channel.map(FileChannel.MapMode.READ_ONLY, start, end - start);
      Window window = new Window(bytes, start);
      infos.subList(from, to).forEach(info -> windows.put(info.name(), window));
    }
  }

  /** All tensor names, in the order of the header. */
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  /**
   * What the header says of one tensor.
   *
   * @throws DogeException if there is none of that name
   */
  public TensorInfo info(String name) {
    TensorInfo info = tensors.get(name);
    if (info == null) {
      throw new DogeException(
          path + " has no tensor \"" + name + "\"" + NearestWord.hint(name, tensors.keySet()));
    }
    return info;
  }

  /** The text entries of {@code __metadata__}; empty if there are none. */
  public Map<String, String> metadata() {
    return Collections.unmodifiableMap(metadata);
  }

  /**
   * One tensor's bytes as they are in the file: direct, little-endian, read-only, position 0.
   *
   * @throws DogeException if there is none of that name, it has 2 GiB or more, or this is closed
   */
  public ByteBuffer bytes(String name) {
    check(!closed, "%s is closed; open it again to read \"%s\"", path, name);
    TensorInfo info = info(name);
    Window window = windows.get(name);
    check(
        window != null,
        "%s: tensor \"%s\" has %d bytes, and one buffer holds less than 2 GiB; split the tensor",
        info.file(),
        name,
        info.byteLength());
    int start = (int) (info.position() - window.start());
    ByteBuffer view = window.bytes().slice(start, (int) info.byteLength());
    if (info.position() % info.dtype().bytes() != 0) { // old files pad no header
      view = ByteBuffer.allocateDirect(view.capacity()).put(view).flip().asReadOnlyBuffer();
    }
    return view.order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * One F32, F16 or BF16 tensor as floats; F32 is a view of the file, the others are widened.
   *
   * @throws DogeException as {@link #bytes}, and if the tensor has another type
   */
  public FloatBuffer floats(String name) {
    return floatBytes(name).asFloatBuffer();
  }

  /**
   * The same values as {@link #floats}, as a direct buffer of F32 bytes in native order, which is
   * what a native tensor is made of.
   *
   * @throws DogeException as {@link #floats}
   */
  public ByteBuffer floatBytes(String name) {
    TensorInfo info = info(name);
    check(
        info.dtype().isFloat(),
        "%s: tensor \"%s\" is %s, expected F32, F16 or BF16; read it with longs, doubles or bytes",
        info.file(),
        name,
        info.dtype());
    ByteBuffer bytes = bytes(name);
    if (info.dtype() == DType.F32 && ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN) {
      return bytes;
    }
    ByteBuffer wide = direct(info, 4);
    if (info.dtype() == DType.F32) {
      wide.asFloatBuffer().put(bytes.asFloatBuffer());
      return wide;
    }
    ShortBuffer halves = bytes.asShortBuffer();
    FloatBuffer out = wide.asFloatBuffer();
    short[] some = new short[1 << 14];
    float[] widened = new float[some.length];
    while (halves.hasRemaining()) {
      int count = Math.min(some.length, halves.remaining());
      halves.get(some, 0, count);
      HalfFloats.widen(info.dtype(), some, widened, count);
      out.put(widened, 0, count);
    }
    return wide;
  }

  /**
   * One tensor of whole numbers (I64, I32, I16, I8, U8, U16, U32 or BOOL) as longs.
   *
   * @throws DogeException as {@link #bytes}, and if the tensor has another type
   */
  public LongBuffer longs(String name) {
    TensorInfo info = info(name);
    ByteBuffer in = bytes(name);
    LongBuffer out = direct(info, 8).asLongBuffer();
    while (out.hasRemaining()) {
      out.put(
          switch (info.dtype()) {
            case I64 -> in.getLong();
            case I32 -> in.getInt();
            case U32 -> Integer.toUnsignedLong(in.getInt());
            case I16 -> in.getShort();
            case U16 -> Short.toUnsignedLong(in.getShort());
            case I8 -> in.get();
            case U8, BOOL -> Byte.toUnsignedLong(in.get());
            default ->
                throw new DogeException(
                    String.format(
                        "%s: tensor \"%s\" is %s, expected whole numbers; read it with floats,"
                            + " doubles or bytes",
                        info.file(), name, info.dtype()));
          });
    }
    return out.flip();
  }

  /**
   * One F64, F32, F16 or BF16 tensor as doubles, on the heap: for small tensors and tests.
   *
   * @throws DogeException as {@link #bytes}, and if the tensor has another type
   */
  public double[] doubles(String name) {
    TensorInfo info = info(name);
    if (info.dtype() == DType.F64) {
      double[] values = new double[(int) info.elements()];
      bytes(name).asDoubleBuffer().get(values);
      return values;
    }
    FloatBuffer floats = floats(name);
    double[] values = new double[floats.remaining()];
    for (int i = 0; i < values.length; i++) {
      values[i] = floats.get(i);
    }
    return values;
  }

  private static ByteBuffer direct(TensorInfo info, int bytesPerElement) {
    check(
        info.elements() <= Integer.MAX_VALUE / bytesPerElement,
        "%s: tensor \"%s\" has %d elements, too many for one buffer of %d bytes each; split it",
        info.file(),
        info.name(),
        info.elements(),
        bytesPerElement);
    return ByteBuffer.allocateDirect((int) info.elements() * bytesPerElement)
        .order(ByteOrder.nativeOrder());
  }

  /** Refuses further reads; buffers handed out before stay valid until they are unreachable. */
  @Override
  public void close() {
    closed = true;
    windows.clear();
  }

  @Override
  public String toString() {
    long bytes = tensors.values().stream().mapToLong(TensorInfo::byteLength).sum();
    return String.format("%s: %d tensors, %,d bytes", path, tensors.size(), bytes);
  }
}
