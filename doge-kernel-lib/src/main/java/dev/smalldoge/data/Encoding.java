package dev.smalldoge.data;

import dev.smalldoge.config.DogeException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Encodes rows on every core and writes them in the order in which they were read, whatever the
 * number of threads: the caller reads and writes, the others encode. Few rows are on the way at a
 * time, so memory does not grow with the corpus.
 */
final class Encoding {
  private static final int ROWS = 256;
  private static final long CHARACTERS = 1 << 20;
  private static final String INTERRUPTED =
      "tokenizing was interrupted, no file was made; run it again";
  private final RowEncoder encoder;
  private final TokenFileWriter writer;
  private final BadRows badRows;
  private final int threads;
  private long wanted;

  /** Rows that were read together. */
  private record Batch(List<Row> rows, long characters) {
    boolean isEmpty() {
      return rows.isEmpty();
    }
  }

  /** Rows that another thread encodes. */
  private record UnderWay(Future<List<Encoded>> encoded, long characters) {}

  /** What became of a row: one of the two. */
  private record Encoded(EncodedDocument document, BadRow bad) {}

  /**
   * Prepares to encode.
   *
   * @param threads how many cores to use; 1 encodes in the caller's own thread
   */
  Encoding(RowEncoder encoder, TokenFileWriter writer, BadRows badRows, int threads) {
    this.encoder = encoder;
    this.writer = writer;
    this.badRows = badRows;
    this.threads = threads;
  }

  /**
   * Writes {@code rows} until there are {@code documents} or no rows are left.
   *
   * @return how many documents were written
   * @throws DogeException if a row is bad and refused, a file is damaged, or the thread was
   *     interrupted
   */
  long run(CorpusRows rows, long documents) {
    wanted = documents;
    if (threads == 1) {
      for (Batch some = take(rows); wanted > 0 && !some.isEmpty(); some = take(rows)) {
        requireNoInterrupt();
        write(encode(some.rows()));
      }
      return documents - wanted;
    }
    ExecutorService workers = Executors.newFixedThreadPool(threads, Encoding::daemon);
    Deque<UnderWay> underWay = new ArrayDeque<>();
    long most = (2 * threads + 2) * CHARACTERS; // so a row of megabytes is encoded alone
    long characters = 0;
    try {
      for (Batch some = take(rows); wanted > 0 && !some.isEmpty(); some = take(rows)) {
        List<Row> batch = some.rows();
        characters += some.characters();
        underWay.add(new UnderWay(workers.submit(() -> encode(batch)), some.characters()));
        while (underWay.size() > 2 * threads || characters > most) {
          characters -= underWay.peek().characters();
          write(underWay.remove().encoded().get());
        }
      }
      while (!underWay.isEmpty()) {
        write(underWay.remove().encoded().get());
      }
      return documents - wanted;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DogeException(INTERRUPTED, e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e.getCause());
    } finally {
      workers.shutdownNow();
    }
  }

  private static void requireNoInterrupt() {
    if (Thread.currentThread().isInterrupted()) {
      throw new DogeException(INTERRUPTED);
    }
  }

  private static Thread daemon(Runnable work) {
    Thread thread = new Thread(work, "doge-encoding");
    thread.setDaemon(true);
    return thread;
  }

  private static Batch take(CorpusRows rows) {
    List<Row> some = new ArrayList<>();
    long characters = 0;
    while (some.size() < ROWS && characters < CHARACTERS) {
      Row row = rows.next();
      if (row == null) {
        break;
      }
      some.add(row);
      for (Object value : row.values().values()) {
        characters += value instanceof String text ? text.length() : 1_000;
      }
    }
    return new Batch(some, characters);
  }

  private List<Encoded> encode(List<Row> rows) {
    List<Encoded> encoded = new ArrayList<>(rows.size());
    for (Row row : rows) {
      try {
        encoded.add(new Encoded(encoder.encode(row), null));
      } catch (BadRow e) {
        encoded.add(new Encoded(null, e));
      }
    }
    return encoded;
  }

  private void write(List<Encoded> encoded) {
    for (Encoded one : encoded) {
      if (wanted == 0) {
        return; // rows beyond the last wanted one were read ahead, and are not judged
      }
      if (one.bad() != null) {
        badRows.add(one.bad());
      } else {
        EncodedDocument document = one.document();
        writer.append(document.ids(), document.trained(), document.textBytes());
        wanted--;
      }
    }
  }
}
