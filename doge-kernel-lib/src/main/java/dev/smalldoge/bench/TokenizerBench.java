package dev.smalldoge.bench;

import static dev.smalldoge.config.Checks.check;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import dev.smalldoge.tokenizer.Encoder;
import dev.smalldoge.tokenizer.IdBuffer;
import dev.smalldoge.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * How fast text becomes ids, by our encoder and by Hugging Face's library (its raw calls, without
 * {@code Encoding}), in one run, in MB (10^6 bytes of UTF-8) per second; the median of the rounds.
 */
public final class TokenizerBench {
  private static final int ROUNDS = 5;
  private static final long ENCODED = 10_000_000; // bytes; DJL would take minutes for more

  private final List<String> texts;
  private final double megabytes;

  private TokenizerBench(List<String> texts) {
    this.texts = texts;
    this.megabytes = bytes(texts) / 1e6;
  }

  private static long bytes(List<String> texts) {
    return texts.stream().mapToLong(t -> t.getBytes(StandardCharsets.UTF_8).length).sum();
  }

  /** Texts spread evenly over {@code all}, of about {@link #ENCODED} bytes. */
  private static List<String> sample(List<String> all) {
    int step = (int) Math.max(1, bytes(all) / ENCODED);
    List<String> sample = new ArrayList<>();
    for (int i = 0; i < all.size(); i += step) {
      sample.add(all.get(i));
    }
    return sample;
  }

  /** Encodes on one thread, appending to {@code ids}; one for each thread. */
  private interface Side {
    void encode(String text, IdBuffer ids);
  }

  /**
   * Times encoding some of the texts by both on one and on two threads, and training on all of them
   * where {@code vocabSize} is above 0.
   *
   * @param folder a tokenizer's
   * @param texts read once and held
   */
  public static void run(Path folder, Iterable<String> texts, int vocabSize) {
    List<String> held = new ArrayList<>();
    texts.forEach(held::add);
    check(!held.isEmpty(), "there is no text to encode; name a corpus with rows");
    TokenizerBench bench = new TokenizerBench(sample(held));
    System.out.printf(
        Locale.ROOT, "encoding %.1f MB, %d texts%n", bench.megabytes, bench.texts.size());
    Tokenizer tokenizer = Tokenizer.load(folder);
    System.out.println(tokenizer);
    try (HuggingFaceTokenizer other = open(folder)) {
      bench.table(tokenizer, other);
    }
    if (vocabSize > 0) {
      long start = System.nanoTime();
      Tokenizer trained = Tokenizer.train(held, vocabSize);
      System.out.printf(
          Locale.ROOT,
          "training on %.1f MB to %d ids: %.1f s%n",
          bytes(held) / 1e6,
          trained.vocabSize(),
          (System.nanoTime() - start) / 1e9);
    }
  }

  private static HuggingFaceTokenizer open(Path folder) {
    try {
      return HuggingFaceTokenizer.newInstance(
          folder, Map.of("truncation", "false", "padding", "false", "addSpecialTokens", "false"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void table(Tokenizer tokenizer, HuggingFaceTokenizer other) {
    System.out.printf("%-8s %12s %12s %8s%n", "threads", "ours MB/s", "DJL MB/s", "ratio");
    for (int threads = 1; threads <= 2; threads++) {
      double[] ours = new double[ROUNDS];
      double[] theirs = new double[ROUNDS];
      for (int round = -1; round < ROUNDS; round++) { // one to warm up
        List<Side> ourSides = new ArrayList<>();
        List<Side> theirSides = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
          Encoder encoder = tokenizer.encoder();
          ourSides.add(encoder::encode);
          theirSides.add((text, ids) -> encodeByDjl(other, text, ids));
        }
        long[] counts = new long[2];
        double our = seconds(ourSides, counts, 0);
        double their = seconds(theirSides, counts, 1);
        check(
            counts[0] == counts[1],
            "our encoder gives %d ids, DJL %d; report this as a defect",
            counts[0],
            counts[1]);
        if (round >= 0) {
          ours[round] = megabytes / our;
          theirs[round] = megabytes / their;
        }
      }
      double our = median(ours);
      double their = median(theirs);
      System.out.printf(
          Locale.ROOT, "%-8d %12.1f %12.2f %8.1f%n", threads, our, their, our / their);
    }
  }

  private static double median(double[] values) {
    Arrays.sort(values);
    return values[values.length / 2];
  }

  private static void encodeByDjl(HuggingFaceTokenizer tokenizer, String text, IdBuffer ids) {
    long encoding = TokenizersLibrary.LIB.encode(tokenizer.getHandle(), text, false);
    for (long id : TokenizersLibrary.LIB.getTokenIds(encoding)) {
      ids.add((int) id);
    }
    TokenizersLibrary.LIB.deleteEncoding(encoding);
  }

  /** Wall seconds of all texts, each encoded by whichever thread is free. */
  private double seconds(List<Side> sides, long[] counts, int which) {
    AtomicInteger next = new AtomicInteger();
    AtomicLong total = new AtomicLong();
    List<Thread> threads = new ArrayList<>();
    long start = System.nanoTime();
    for (Side side : sides) {
      Thread thread =
          new Thread(
              () -> {
                IdBuffer ids = new IdBuffer();
                for (int i = next.getAndIncrement(); i < texts.size(); i = next.getAndIncrement()) {
                  ids.clear();
                  side.encode(texts.get(i), ids);
                  total.addAndGet(ids.size());
                }
              });
      thread.start();
      threads.add(thread);
    }
    try {
      for (Thread thread : threads) {
        thread.join();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted amid a benchmark", e);
    }
    counts[which] = total.get();
    return (System.nanoTime() - start) / 1e9;
  }
}
