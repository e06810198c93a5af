package dev.smalldoge.tokenizer;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.config.DogeException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;

/** Counts the different pieces of many texts, on all threads; the sums do not depend on them. */
final class PieceCounts {
  private static final int BATCH = 1 << 20; // characters

  private final PieceTable counts = new PieceTable(1 << 16);
  private final PieceScanner scanner = new PieceScanner(3);
  private final Utf8 utf8 = new Utf8();

  private PieceCounts() {}

  /**
   * The pieces of {@code texts} with their counts.
   *
   * @throws DogeException if a text is missing or no Unicode, or the thread is interrupted
   */
  static PieceTable of(Iterable<String> texts, int threads) {
    ExecutorService workers = Executors.newFixedThreadPool(threads);
    try {
      return count(texts, workers, threads);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DogeException("tokenizer training was interrupted; nothing was written", e);
    } finally {
      workers.shutdownNow();
    }
  }

  private static PieceTable count(Iterable<String> texts, ExecutorService workers, int threads)
      throws InterruptedException {
    ConcurrentLinkedQueue<PieceCounts> idle = new ConcurrentLinkedQueue<>();
    for (int i = 0; i < threads; i++) {
      idle.add(new PieceCounts());
    }
    Semaphore waiting = new Semaphore(2 * threads); // batches in memory
    List<Future<?>> batches = new ArrayList<>();
    List<String> batch = new ArrayList<>();
    int characters = 0;
    for (String text : texts) {
      check(text != null, "text %d is missing; leave it out", batch.size());
      batch.add(text);
      characters += text.length();
      if (characters >= BATCH) {
        waiting.acquire();
        batches.add(workers.submit(job(batch, idle, waiting)));
        batch = new ArrayList<>();
        characters = 0;
      }
    }
    waiting.acquire();
    batches.add(workers.submit(job(batch, idle, waiting)));
    for (Future<?> one : batches) {
      await(one);
    }
    PieceTable total = idle.remove().counts;
    idle.forEach(other -> other.addTo(total));
    return total;
  }

  private static Runnable job(
      List<String> batch, ConcurrentLinkedQueue<PieceCounts> idle, Semaphore waiting) {
    return () -> {
      PieceCounts worker = idle.remove();
      try {
        batch.forEach(worker::add);
      } finally {
        idle.add(worker);
        waiting.release();
      }
    };
  }

  private static void await(Future<?> batch) throws InterruptedException {
    try {
      batch.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof DogeException told) {
        throw told;
      }
      throw new IllegalStateException(e.getCause());
    }
  }

  private void add(String text) {
    utf8.set(text);
    byte[] bytes = utf8.bytes();
    for (int from = 0, to = utf8.size(); from < to; ) {
      int end = scanner.end(bytes, from, to);
      add(counts, bytes, from, end - from, 1);
      from = end;
    }
  }

  private void addTo(PieceTable total) {
    counts.forEach((text, from, length, count) -> add(total, text, from, length, count));
  }

  private static void add(PieceTable counts, byte[] text, int from, int length, long count) {
    int place = counts.find(text, from, length);
    if (counts.holds(place)) {
      counts.set(place, counts.value(place) + count);
    } else {
      counts.insert(place, text, from, count);
    }
  }
}
