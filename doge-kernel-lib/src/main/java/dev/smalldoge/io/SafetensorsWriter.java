package dev.smalldoge.io;

import static dev.smalldoge.config.Checks.check;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.smalldoge.config.DogeException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/**
 * Writes a safetensors file, or a model folder of one or several, tensor by tensor: only one
 * tensor's bytes are in memory at a time.
 *
 * <p>Tensors keep the order in which they were added, wider element types first so that each is
 * aligned (the reference library does so too); the header is padded with spaces to 8 bytes. Files
 * are written aside and renamed, see {@link WrittenAside}.
 *
 * <p>Example: {@code SafetensorsWriter.to(folder).metadata("format", "pt").add("w", DType.F32, new
 * long[] {2, 3}, () -> buffer).write()}.
 */
public final class SafetensorsWriter {
  private final Path target;
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final List<Tensor> tensors = new ArrayList<>();
  private final Set<String> names = new LinkedHashSet<>();
  private long maxShardBytes = Long.MAX_VALUE;

  /** What writes one tensor's bytes, little-endian and in row-major order. */
  @FunctionalInterface
  public interface Payload {
    /** Writes exactly the tensor's bytes. */
    void writeTo(WritableByteChannel out) throws IOException;
  }

  private record Tensor(String name, DType dtype, List<Long> shape, long bytes, Payload payload) {}

  private SafetensorsWriter(Path target) {
    this.target = target;
  }

  /** Writes to {@code fileOrFolder}: a file if the name ends in .safetensors, else a folder. */
  public static SafetensorsWriter to(Path fileOrFolder) {
    return new SafetensorsWriter(fileOrFolder);
  }

  /** Adds one entry of {@code __metadata__}; transformers wants {@code format} = {@code pt}. */
  public SafetensorsWriter metadata(String key, String value) {
    metadata.put(key, value);
    return this;
  }

  /** Starts a new file of the folder before a file's tensors would exceed {@code bytes}. */
  public SafetensorsWriter maxShardBytes(long bytes) {
    check(bytes > 0, "maxShardBytes %d is not positive; use 5000000000", bytes);
    check(!isFile(), "%s is one file, which cannot be sharded; give a folder", target);
    maxShardBytes = bytes;
    return this;
  }

  /**
   * Adds a tensor whose bytes are asked for when they are written: from position to limit, little-
   * endian as stored (a native buffer is on every machine that DJL runs on).
   */
  public SafetensorsWriter add(
      String name, DType dtype, long[] shape, Supplier<ByteBuffer> littleEndianBytes) {
    return addPayload(name, dtype, shape, out -> out.write(littleEndianBytes.get().duplicate()));
  }

  /** Adds a tensor of float values, stored as F32, F16 or BF16, rounded to nearest, even. */
  public SafetensorsWriter addFloats(
      String name, DType dtype, long[] shape, Supplier<FloatBuffer> values) {
    check(
        dtype.isFloat(),
        "Tensor \"%s\": floats are stored as F32, F16 or BF16, not %s",
        name,
        dtype);
    return addPayload(name, dtype, shape, out -> writeFloats(values.get().duplicate(), dtype, out));
  }

  /** Adds a tensor whose bytes {@code payload} writes when its turn comes. */
  public SafetensorsWriter addPayload(String name, DType dtype, long[] shape, Payload payload) {
    check(
        !name.isEmpty() && !name.equals("__metadata__"),
        "A tensor cannot be named \"%s\"; use the parameter's name",
        name);
    check(names.add(name), "Tensor \"%s\" is added twice; each name may be written once", name);
    long bytes = dtype.bytes();
    for (long dimension : shape) {
      check(
          dimension >= 0 && (dimension == 0 || bytes <= Long.MAX_VALUE / dimension),
          "Tensor \"%s\" cannot have shape %s",
          name,
          Arrays.toString(shape));
      bytes *= dimension;
    }
    List<Long> dimensions = Arrays.stream(shape).boxed().toList();
    tensors.add(new Tensor(name, dtype, dimensions, bytes, payload));
    return this;
  }

  /**
   * Writes everything and gives the final names to all files at once, the index last.
   *
   * @throws DogeException if the disk has not enough room, a tensor gives another number of bytes
   *     than its shape says, or writing fails; the part files are deleted then
   */
  public void write() {
    try (WrittenAside aside = new WrittenAside()) {
      write(aside);
      aside.commit();
    }
  }

  /** Writes everything aside, to appear with the other files of {@code aside}. */
  public void write(WrittenAside aside) {
    List<Tensor> sorted = new ArrayList<>(tensors);
    sorted.sort(Comparator.comparingInt(tensor -> -tensor.dtype().bytes()));
    if (isFile()) {
      writeFile(aside, target, sorted);
    } else {
      writeFolder(aside, shards(sorted));
    }
  }

  private boolean isFile() {
    return target.toString().endsWith(".safetensors");
  }

  private List<List<Tensor>> shards(List<Tensor> sorted) {
    List<List<Tensor>> shards = new ArrayList<>();
    shards.add(new ArrayList<>());
    long used = 0;
    for (Tensor tensor : sorted) {
      if (used > 0 && used + tensor.bytes() > maxShardBytes) {
        shards.add(new ArrayList<>());
        used = 0;
      }
      shards.get(shards.size() - 1).add(tensor);
      used += tensor.bytes();
    }
    return shards;
  }

  private void writeFolder(WrittenAside aside, List<List<Tensor>> shards) {
    boolean single = shards.size() == 1;
    String other = single ? Safetensors.INDEX : Safetensors.FILE;
    check(
        Files.notExists(target.resolve(other)),
        "%s already has %s, which would contradict the new files; choose an empty folder",
        target,
        other);
    if (single) {
      writeFile(aside, target.resolve(Safetensors.FILE), shards.get(0));
      return;
    }
    Map<String, String> weightMap = new LinkedHashMap<>();
    long total = 0;
    for (int i = 0; i < shards.size(); i++) {
      String name = String.format("model-%05d-of-%05d.safetensors", i + 1, shards.size());
      writeFile(aside, target.resolve(name), shards.get(i));
      for (Tensor tensor : shards.get(i)) {
        weightMap.put(tensor.name(), name);
        total += tensor.bytes();
      }
    }
    JsonFiles.write(
        target.resolve(Safetensors.INDEX), SafetensorsIndex.toJson(weightMap, total), aside);
  }

  private void writeFile(WrittenAside aside, Path file, List<Tensor> shard) {
    byte[] header = header(shard);
    aside.write(
        file,
        header.length + 8 + shard.stream().mapToLong(Tensor::bytes).sum(),
        out -> {
          out.write(
              ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).array());
          out.write(header);
          for (Tensor tensor : shard) {
            Counted counted = new Counted(file, tensor, out);
            tensor.payload().writeTo(counted);
            counted.requireAll();
          }
        });
  }

  private byte[] header(List<Tensor> shard) {
    JsonObject header = new JsonObject();
    if (!metadata.isEmpty()) {
      JsonObject entries = new JsonObject();
      metadata.forEach(entries::addProperty);
      header.add("__metadata__", entries);
    }
    long offset = 0;
    for (Tensor tensor : shard) {
      JsonObject entry = new JsonObject();
      entry.addProperty("dtype", tensor.dtype().name());
      JsonArray shape = new JsonArray();
      tensor.shape().forEach(shape::add);
      entry.add("shape", shape);
      JsonArray offsets = new JsonArray();
      offsets.add(offset);
      offset += tensor.bytes();
      offsets.add(offset);
      entry.add("data_offsets", offsets);
      header.add(tensor.name(), entry);
    }
    byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
    byte[] padded = Arrays.copyOf(json, (json.length + 7) / 8 * 8);
    Arrays.fill(padded, json.length, padded.length, (byte) ' ');
    return padded;
  }

  private static void writeFloats(FloatBuffer values, DType dtype, WritableByteChannel out)
      throws IOException {
    float[] some = new float[1 << 14];
    short[] halves = new short[some.length];
    ByteBuffer chunk = ByteBuffer.allocate(4 * some.length).order(ByteOrder.LITTLE_ENDIAN);
    while (values.hasRemaining()) {
      int count = Math.min(some.length, values.remaining());
      values.get(some, 0, count);
      chunk.clear();
      if (dtype == DType.F32) {
        chunk.asFloatBuffer().put(some, 0, count);
      } else {
        HalfFloats.narrow(dtype, some, halves, count);
        chunk.asShortBuffer().put(halves, 0, count);
      }
      out.write(chunk.limit(count * dtype.bytes()));
    }
  }

  /** Lets exactly one tensor's bytes through; a stream, since interrupts break file channels. */
  private static final class Counted implements WritableByteChannel {
    private final Path file;
    private final Tensor tensor;
    private final OutputStream out;
    private final byte[] chunk = new byte[1 << 16];
    private long written;

    Counted(Path file, Tensor tensor, OutputStream out) {
      this.file = file;
      this.tensor = tensor;
      this.out = out;
    }

    @Override
    public int write(ByteBuffer source) throws IOException {
      int length = source.remaining();
      written += length;
      if (written > tensor.bytes()) {
        requireAll();
      }
      while (source.hasRemaining()) {
        int count = Math.min(chunk.length, source.remaining());
        source.get(chunk, 0, count);
        out.write(chunk, 0, count);
      }
      return length;
    }

    void requireAll() {
      check(
          written == tensor.bytes(),
          "%s: tensor \"%s\" of dtype %s and shape %s takes %d bytes, but was given %d",
          file,
          tensor.name(),
          tensor.dtype(),
          tensor.shape(),
          tensor.bytes(),
          written);
    }

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public void close() {}
  }
}
