package dev.smalldoge.train;

import static dev.smalldoge.config.Checks.check;

import dev.smalldoge.data.Sequences;
import dev.smalldoge.model.ModelInput;
import dev.smalldoge.torch.Operations;
import dev.smalldoge.torch.Tensor;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Micro-batches of sequences: B rows of T tokens, in the order of {@link Sequences}, with no end.
 *
 * <p>Attention stays inside each document. Where each row is one document, a micro-batch is as long
 * as the longest of its own.
 */
public final class TokenBatches implements BatchSource {
  private final Sequences sequences;
  private final int microBatchSize;
  private final Operations operations;
  private final LongBuffer ids; // of one micro-batch, off the heap and used again
  private final LongBuffer labels;
  private long position;

  /**
   * Batches from the first sequence on.
   *
   * @param microBatchSize B, sequences of one forward pass
   * @param operations of the device that the batches go to
   */
  public TokenBatches(Sequences sequences, int microBatchSize, Operations operations) {
    check(microBatchSize > 0, "microBatchSize %d is not positive; use 1", microBatchSize);
    check(
        sequences.count() > 0,
        "the corpus does not fill one sequence of %d tokens; use a shorter sequenceLength or more"
            + " text",
        sequences.sequenceLength());
    this.sequences = sequences;
    this.microBatchSize = microBatchSize;
    this.operations = operations;
    int tokens = Math.multiplyExact(microBatchSize, sequences.sequenceLength());
    this.ids = Sequences.buffer(tokens);
    this.labels = Sequences.buffer(tokens);
  }

  @Override
  public List<MicroBatch> next(int count) {
    List<MicroBatch> window = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      window.add(batch(position++));
    }
    return window;
  }

  private MicroBatch batch(long number) {
    int full = sequences.sequenceLength();
    List<int[]> starts = new ArrayList<>();
    for (int row = 0; row < microBatchSize; row++) {
      starts.add(sequences.read(number * microBatchSize + row, ids, labels, row * full));
    }
    int length = sequences.isPacked() ? full : longest(starts);
    if (length < full) {
      shorten(full, length);
    }
    List<Long> bounds = new ArrayList<>();
    for (int row = 0; row < microBatchSize; row++) {
      for (int start : starts.get(row)) {
        if (start < length) {
          bounds.add((long) row * length + start);
        }
      }
    }
    int tokens = microBatchSize * length;
    bounds.add((long) tokens);
    Tensor inputIds = operations.longs(ids.slice(0, tokens), microBatchSize, length);
    Tensor labelIds = operations.longs(labels.slice(0, tokens), microBatchSize, length);
    return new LanguageModelBatch(input(inputIds, bounds, length), labelIds, counted(tokens));
  }

  /** What the longest document needs, given where each row's document and its padding begin. */
  private int longest(List<int[]> starts) {
    int full = sequences.sequenceLength();
    int longest = 1;
    for (int[] row : starts) {
      longest = Math.max(longest, row.length == 1 ? full : row[1]);
    }
    return ModelInput.sharedLength(operations.device(), longest, full);
  }

  /** Moves the beginnings of all rows together. */
  private void shorten(int full, int length) {
    for (int row = 1; row < microBatchSize; row++) {
      ids.put(row * length, ids, row * full, length);
      labels.put(row * length, labels, row * full, length);
    }
  }

  private ModelInput input(Tensor inputIds, List<Long> bounds, int length) {
    if (bounds.size() == microBatchSize + 1) {
      return new ModelInput(
          inputIds, List.of(), false, List.of(), List.of(), microBatchSize, length);
    }
    return ModelInput.packed(
        operations,
        inputIds,
        microBatchSize,
        length,
        bounds.stream().mapToLong(Long::longValue).toArray());
  }

  private long counted(int tokens) {
    long counted = 0;
    for (int i = 0; i < tokens; i++) {
      counted += labels.get(i) == Sequences.IGNORE_INDEX ? 0 : 1;
    }
    return counted;
  }

  @Override
  public long position() {
    return position;
  }

  @Override
  public void seek(long newPosition) {
    position = newPosition;
  }
}
