package dev.smalldoge.train;

import java.util.List;

/** An endless, seeded supply of micro-batches that can continue from any position. */
public interface BatchSource {
  /** The next micro-batches, in order. */
  List<MicroBatch> next(int count);

  /** Where the supply stands: micro-batches delivered. */
  long position();

  /** Continues after {@code position} micro-batches. */
  void seek(long position);
}
