package dev.smalldoge.data;

import static dev.smalldoge.config.Checks.check;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.util.Arrays;

/**
 * Fixed-length rows of tokens in a seeded order that is computed, so that any position is reached
 * at once and nothing is stored.
 *
 * <p>Legend: {@code T} = {@link #sequenceLength}. A position beyond {@link #count} goes on with the
 * next epoch, which has an order of its own; the position is all that a checkpoint keeps.
 *
 * <p>Example: {@code int[] documents = sequences.read(0, inputIds, labels, 0)}.
 */
public final class Sequences {
  /** The label of a token that is not learned. */
  public static final long IGNORE_INDEX = -100;

  private final DocumentRanges documents;
  private final int sequenceLength;
  private final boolean packed;
  private final long seed;
  private final long count;
  private volatile Order latest;

  /** The order of one epoch. */
  private record Order(long epoch, SeededOrder rows) {}

  /**
   * Sequences to learn from and sequences to measure with, of different documents.
   *
   * @param training all documents but the held-out ones
   * @param heldOut the others; null where a recipe holds nothing out
   */
  public record Split(Sequences training, Sequences heldOut) {}

  private Sequences(DocumentRanges documents, int sequenceLength, boolean packed, long seed) {
    check(
        sequenceLength >= 2,
        "sequenceLength %d leaves nothing to predict; use at least 2, say 2048",
        sequenceLength);
    this.documents = documents;
    this.sequenceLength = sequenceLength;
    this.packed = packed;
    this.seed = seed;
    this.count =
        packed ? (documents.tokens() + sequenceLength - 1) / sequenceLength : documents.documents();
  }

  static Sequences packed(DocumentRanges documents, int sequenceLength, long seed) {
    return new Sequences(documents, sequenceLength, true, seed);
  }

  static Sequences padded(DocumentRanges documents, int sequenceLength, long seed) {
    return new Sequences(documents, sequenceLength, false, seed);
  }

  /** The same rows in the order of another seed. */
  public Sequences withSeed(long newSeed) {
    return new Sequences(documents, sequenceLength, packed, newSeed);
  }

  /**
   * Holds {@code testDocuments} documents out, as {@link Tokens#split(long)} does.
   *
   * @throws dev.smalldoge.config.DogeException if there are not so many
   */
  public Split split(long testDocuments) {
    Tokens.Split split = new Tokens(documents, new BadRows(true)).split(testDocuments);
    return new Split(
        new Sequences(split.training().selection(), sequenceLength, packed, seed),
        new Sequences(split.heldOut().selection(), sequenceLength, packed, seed));
  }

  /** Whether rows are filled with documents; else each is one document and padding. */
  public boolean isPacked() {
    return packed;
  }

  /** Tokens a row: {@code T}. */
  public int sequenceLength() {
    return sequenceLength;
  }

  /** Rows of one epoch. */
  public long count() {
    return count;
  }

  /** Tokens of the documents, before they were cut or padded. */
  public long tokens() {
    return documents.tokens();
  }

  /** UTF-8 bytes of text per token of the documents, for bits per byte. */
  public double bytesPerToken() {
    return (double) documents.textBytes() / documents.tokens();
  }

  /** The file that holds the tokens. */
  public TokenFile file() {
    return documents.file();
  }

  /** Tokens that no row holds, because their document is longer than a row; 0 when packed. */
  public long cropped() {
    long cropped = 0;
    for (long i = 0; !packed && i < count; i++) {
      long document = documents.document(i);
      long length = file().start(document + 1) - file().start(document);
      cropped += Math.max(0, length - sequenceLength);
    }
    return cropped;
  }

  /** A direct buffer for {@link #read}, of so many ids or labels. */
  public static LongBuffer buffer(int tokens) {
    return ByteBuffer.allocateDirect(Math.multiplyExact(tokens, Long.BYTES))
        .order(ByteOrder.nativeOrder())
        .asLongBuffer();
  }

  /**
   * Writes the row at {@code position}.
   *
   * <p>Ids go from the mapped file straight into {@code inputIds}: with direct buffers none of them
   * is on the Java heap. Positions and limits of the buffers stay as they are.
   *
   * @param position from 0; may exceed {@link #count}
   * @param inputIds receives {@code T} ids from index {@code at} on
   * @param labels receives {@code T} labels there: the id, or {@link #IGNORE_INDEX} where the token
   *     is not learned, begins a document, begins the row, or is padding
   * @return where in the row, in [0, T), a document begins or goes on; the first is 0, and padding
   *     counts as a document of its own
   * @throws dev.smalldoge.config.DogeException if the position is negative
   */
  public int[] read(long position, LongBuffer inputIds, LongBuffer labels, int at) {
    check(position >= 0, "position %d is negative; positions begin at 0", position);
    long row = order(position / count).rows().at(position % count);
    Starts starts = new Starts();
    int filled =
        packed ? readPacked(row, inputIds, labels, at, starts) : readOne(row, inputIds, labels, at);
    if (!packed) {
      starts.add(0);
    }
    if (filled < sequenceLength) {
      starts.add(filled);
      for (int i = at + filled; i < at + sequenceLength; i++) {
        inputIds.put(i, file().padTokenId());
        labels.put(i, IGNORE_INDEX);
      }
    }
    int[] documentStarts = starts.toArray();
    for (int start : documentStarts) {
      labels.put(at + start, IGNORE_INDEX); // nothing before it predicts it
    }
    return documentStarts;
  }

  /** The order of {@code epoch}, kept because the next read is most often of the same one. */
  private Order order(long epoch) {
    Order order = latest;
    if (order == null || order.epoch() != epoch) {
      order = new Order(epoch, new SeededOrder(count, SeededOrder.mix(seed) + epoch));
      latest = order;
    }
    return order;
  }

  private int readPacked(long row, LongBuffer inputIds, LongBuffer labels, int at, Starts starts) {
    long from = row * sequenceLength;
    int length = (int) Math.min(sequenceLength, documents.tokens() - from);
    for (int done = 0; done < length; ) {
      DocumentRanges.Stretch stretch = documents.stretch(from + done);
      int some = (int) Math.min(length - done, stretch.length());
      long token = stretch.token();
      copy(token, some, inputIds, labels, at + done);
      starts.add(done);
      for (long document = file().documentOf(token) + 1; ; document++) {
        long start = document > file().documents() ? Long.MAX_VALUE : file().start(document);
        if (start >= token + some) {
          break;
        }
        starts.add(done + (int) (start - token));
      }
      done += some;
    }
    return length;
  }

  private int readOne(long row, LongBuffer inputIds, LongBuffer labels, int at) {
    long document = documents.document(row);
    long start = file().start(document);
    int length = (int) Math.min(sequenceLength, file().start(document + 1) - start);
    copy(start, length, inputIds, labels, at);
    return length;
  }

  private void copy(long token, int count, LongBuffer inputIds, LongBuffer labels, int at) {
    file().ids(token, count, inputIds, at);
    if (!file().masked()) {
      labels.put(at, inputIds, at, count);
      return;
    }
    file().trained(token, count, labels, at);
    for (int i = at; i < at + count; i++) {
      labels.put(i, labels.get(i) != 0 ? inputIds.get(i) : IGNORE_INDEX);
    }
  }

  /** A growing list of places. */
  private static final class Starts {
    private int[] places = new int[8];
    private int size;

    void add(int place) {
      if (size == places.length) {
        places = Arrays.copyOf(places, 2 * size);
      }
      places[size++] = place;
    }

    int[] toArray() {
      return Arrays.copyOf(places, size);
    }
  }

  @Override
  public String toString() {
    return String.format(
        "%,d sequences of %,d tokens (%s) from %,d documents, %,d tokens, %,d cropped, %,d padding",
        count,
        sequenceLength,
        packed ? "packed" : "one document each",
        documents.documents(),
        documents.tokens(),
        cropped(),
        count * sequenceLength - documents.tokens() + cropped());
  }
}
