package dev.smalldoge.bench;

import dev.smalldoge.io.DType;
import dev.smalldoge.io.Safetensors;
import dev.smalldoge.io.SafetensorsWriter;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** How fast safetensors files are written and read, in MB of file per second. */
public final class FilesBench {
  private static final int TENSORS = 16;
  private static final int ELEMENTS = 1 << 20;

  private FilesBench() {}

  /**
   * Writes, opens and reads a file of 16 tensors of 2^20 numbers each, in F32, F16 and BF16; the
   * best of five rounds counts. The file is in the page cache when it is read.
   *
   * @param arguments none
   */
  public static void run(String... arguments) throws IOException {
    Path folder = Files.createTempDirectory("files-bench");
    Path file = folder.resolve("bench.safetensors");
    float[] values = new float[ELEMENTS];
    for (int i = 0; i < ELEMENTS; i++) {
      values[i] = (float) Math.sin(i);
    }
    System.out.printf("%-6s %12s %12s %12s%n", "dtype", "write MB/s", "open ms", "read MB/s");
    for (DType dtype : new DType[] {DType.F32, DType.F16, DType.BF16}) {
      double[] best = {Double.MAX_VALUE, Double.MAX_VALUE, Double.MAX_VALUE};
      for (int round = 0; round < 5; round++) {
        measure(file, dtype, values, best);
      }
      double megabytes = (double) TENSORS * ELEMENTS * dtype.bytes() / 1e6;
      System.out.printf(
          Locale.ROOT,
          "%-6s %12.0f %12.2f %12.0f%n",
          dtype,
          megabytes / best[0],
          best[1] * 1e3,
          megabytes / best[2]);
    }
    Files.delete(file);
    Files.delete(folder);
  }

  /** Lowers {@code best} to the seconds of one round: to write, to open, to read. */
  private static void measure(Path file, DType dtype, float[] values, double[] best) {
    SafetensorsWriter writer = SafetensorsWriter.to(file);
    for (int i = 0; i < TENSORS; i++) {
      writer.addFloats("t" + i, dtype, new long[] {ELEMENTS}, () -> FloatBuffer.wrap(values));
    }
    long start = System.nanoTime();
    writer.write();
    long written = System.nanoTime();
    try (Safetensors read = Safetensors.open(file)) {
      long opened = System.nanoTime();
      double sum = 0;
      for (String name : read.names()) {
        FloatBuffer floats = read.floats(name);
        for (int i = 0; i < ELEMENTS; i++) {
          sum += floats.get(i);
        }
      }
      long done = System.nanoTime();
      if (Double.isNaN(sum)) {
        throw new IllegalStateException("the file holds other numbers than were written");
      }
      best[0] = Math.min(best[0], (written - start) / 1e9);
      best[1] = Math.min(best[1], (opened - written) / 1e9);
      best[2] = Math.min(best[2], (done - opened) / 1e9);
    }
  }
}
