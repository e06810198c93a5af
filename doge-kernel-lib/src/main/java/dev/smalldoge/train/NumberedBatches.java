package dev.smalldoge.train;

import java.util.List;
import java.util.function.LongFunction;
import java.util.stream.Stream;

/** Micro-batches without end that each follow from their number, as random ones of a seed do. */
public final class NumberedBatches implements BatchSource {
  private final LongFunction<MicroBatch> batch;
  private long position;

  /** The micro-batches that {@code batch} makes of 0, 1, 2 and so on. */
  public NumberedBatches(LongFunction<MicroBatch> batch) {
    this.batch = batch;
  }

  @Override
  public List<MicroBatch> next(int count) {
    return Stream.generate(() -> batch.apply(position++)).limit(count).toList();
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
