package dev.smalldoge.bench;

import com.jerolba.carpet.CarpetWriter;
import com.sun.management.OperatingSystemMXBean;
import dev.smalldoge.config.DogeException;
import dev.smalldoge.data.Corpus;
import dev.smalldoge.data.Mixture;
import dev.smalldoge.data.Sequences;
import dev.smalldoge.data.TokenFile;
import dev.smalldoge.data.TokenFileWriter;
import dev.smalldoge.data.Tokens;
import dev.smalldoge.io.DiskSpace;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;

/**
 * How fast parquet becomes a token file, on one core and on all, in MB (10^6 bytes) of text a
 * second, and how fast random batches are read from a large token file.
 */
public final class DataBench {
  private static final int ROUNDS = 3;
  private static final int BATCH = 64;
  private static final int LENGTH = 2_048;
  private static final int BATCHES = 200;

  private DataBench() {}

  /**
   * A row of the parquet file.
   *
   * @param text the text
   */
  public record TextRow(String text) {}

  /**
   * What to measure.
   *
   * @param corpora texts, written to zstd parquet first
   * @param tokenizer what encodes them
   * @param megabytes of text at most
   * @param gigabytes size of the token file that random batches are read from
   */
  public record Plan(List<Corpus> corpora, Tokenizer tokenizer, int megabytes, int gigabytes) {}

  /** Measures and prints. */
  public static void run(Plan plan) throws IOException {
    Path folder = Files.createTempDirectory("data-bench");
    try {
      Path parquet = folder.resolve("text.parquet");
      long bytes = writeParquet(plan, parquet);
      int cores = Runtime.getRuntime().availableProcessors();
      System.out.printf(
          Locale.ROOT, "%,d bytes of text, %,d as parquet%n", bytes, Files.size(parquet));
      System.out.printf(
          "%8s %10s %14s %16s %12s %12s%n",
          "threads", "MB/s", "MB/s a core", "MB a CPU second", "peak heap", "resident");
      double one = encode(plan, parquet, bytes, 1, folder);
      double all = encode(plan, parquet, bytes, cores, folder);
      System.out.printf(Locale.ROOT, "%d cores are %.2f times one%n", cores, all / one);
      readBatches(plan, folder);
    } finally {
      try (Stream<Path> files = Files.list(folder)) {
        for (Path file : files.toList()) {
          Files.delete(file);
        }
      }
      Files.delete(folder);
    }
  }

  private static long writeParquet(Plan plan, Path file) throws IOException {
    long bytes = 0;
    try (CarpetWriter<TextRow> writer =
        new CarpetWriter.Builder<>(Files.newOutputStream(file), TextRow.class)
            .withCompressionCodec(CompressionCodecName.ZSTD)
            .withRowGroupSize(16L << 20)
            .build()) {
      for (Corpus corpus : plan.corpora()) {
        for (String text : corpus.texts()) {
          if (bytes < plan.megabytes() * 1_000_000L) {
            writer.write(new TextRow(text));
            bytes += text.getBytes(java.nio.charset.StandardCharsets.UTF_8).length;
          }
        }
      }
    }
    return bytes;
  }

  /** The median rate of some rounds, after one that is not counted. */
  private static double encode(Plan plan, Path parquet, long bytes, int threads, Path folder)
      throws IOException {
    double[] rates = new double[ROUNDS];
    double[] perCpuSecond = new double[ROUNDS];
    Path file = folder.resolve("text" + TokenFile.ENDING);
    resetPeak();
    for (int round = -1; round < ROUNDS; round++) {
      long cpu = cpuNanos();
      long start = System.nanoTime();
      Mixture.of(Corpus.file(parquet), 1).withThreads(threads).tokenize(plan.tokenizer(), file);
      double seconds = (System.nanoTime() - start) / 1e9;
      if (round >= 0) {
        rates[round] = bytes / 1e6 / seconds;
        perCpuSecond[round] = bytes / 1e6 / ((cpuNanos() - cpu) / 1e9);
      }
    }
    Arrays.sort(rates);
    Arrays.sort(perCpuSecond);
    double rate = rates[ROUNDS / 2];
    System.out.printf(
        Locale.ROOT,
        "%8d %10.1f %14.1f %16.1f %,9d MB %,9d MB%n",
        threads,
        rate,
        rate / threads,
        perCpuSecond[ROUNDS / 2],
        peak() / 1_000_000,
        resident() / 1_000_000);
    return rate;
  }

  /** CPU time of all threads; unlike the clock, it hardly changes on a busy machine. */
  private static long cpuNanos() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  private static void resetPeak() {
    System.gc();
    ManagementFactory.getMemoryPoolMXBeans().forEach(MemoryPoolMXBean::resetPeakUsage);
  }

  /** Most memory that the process has had so far, in bytes, where Linux tells; else 0. */
  private static long resident() throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.isReadable(status)) {
      return 0;
    }
    return Files.readAllLines(status).stream()
        .filter(line -> line.startsWith("VmHWM:"))
        .mapToLong(line -> 1_024 * Long.parseLong(line.replaceAll("\\D", "")))
        .findFirst()
        .orElse(0);
  }

  private static long peak() {
    return ManagementFactory.getMemoryPoolMXBeans().stream()
        .mapToLong(pool -> pool.getPeakUsage().getUsed())
        .sum();
  }

  private static void readBatches(Plan plan, Path folder) throws IOException {
    long tokens = plan.gigabytes() * 500_000_000L; // two bytes each
    Path file = folder.resolve("large" + TokenFile.ENDING);
    int[] document = new int[1_000];
    Arrays.setAll(document, i -> i % plan.tokenizer().vocabSize());
    long free = DiskSpace.free(folder);
    if (free < 5 * tokens) {
      throw new DogeException(
          String.format("%s has %,d bytes left, too few; ask for fewer --gigabytes", folder, free));
    }
    try (TokenFileWriter writer = new TokenFileWriter(file, plan.tokenizer(), false)) {
      writer.source("made");
      for (long i = 0; i < tokens / document.length; i++) {
        writer.append(document, null, document.length);
      }
      Sequences sequences = Tokens.of(writer.finish()).pack(LENGTH);
      LongBuffer ids = Sequences.buffer(BATCH * LENGTH);
      LongBuffer labels = Sequences.buffer(BATCH * LENGTH);
      for (int pass = 0; pass < 2; pass++) {
        double[] millis = new double[BATCHES];
        for (int i = 0; i < BATCHES; i++) {
          long start = System.nanoTime();
          for (int row = 0; row < BATCH; row++) {
            sequences.read((long) i * BATCH + row, ids, labels, row * LENGTH);
          }
          millis[i] = (System.nanoTime() - start) / 1e6;
        }
        Arrays.sort(millis);
        System.out.printf(
            Locale.ROOT,
            "random batch of %d x %,d from %,d bytes, %s: median %.2f ms, 99 %% below %.2f ms%n",
            BATCH,
            LENGTH,
            Files.size(file),
            pass == 0 ? "first touch" : "again",
            millis[BATCHES / 2],
            millis[BATCHES * 99 / 100]);
      }
    }
  }
}
