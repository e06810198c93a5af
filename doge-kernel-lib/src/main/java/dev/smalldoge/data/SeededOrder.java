package dev.smalldoge.data;

import static dev.smalldoge.config.Checks.check;

/**
 * A seeded shuffle of 0 … count − 1 that is computed rather than stored: any place costs the same
 * few nanoseconds and no memory.
 *
 * <p>A Feistel network of eight rounds permutes the next power of four; whatever falls outside is
 * sent through again until it falls inside (cycle walking), fewer than four times on average.
 *
 * <p>Source: J. Black and P. Rogaway, "Ciphers with arbitrary finite domains", 2002; the round
 * function is the finalizer of SplitMix64.
 */
final class SeededOrder {
  private static final int ROUNDS = 8;
  private final long count;
  private final int halfBits;
  private final long[] keys = new long[ROUNDS];

  /** The order of {@code count} things that {@code seed} gives. */
  SeededOrder(long count, long seed) {
    check(count > 0, "there is nothing to shuffle; give at least one document");
    this.count = count;
    int bits = 64 - Long.numberOfLeadingZeros(count - 1);
    this.halfBits = Math.max(1, (bits + 1) / 2);
    long state = seed;
    for (int i = 0; i < ROUNDS; i++) {
      state += 0x9E3779B97F4A7C15L;
      keys[i] = mix(state);
    }
  }

  /** Which of the things stands at {@code place}, in [0, count). */
  long at(long place) {
    long value = place;
    do {
      value = permute(value);
    } while (value >= count);
    return value;
  }

  private long permute(long value) {
    long mask = (1L << halfBits) - 1;
    long left = value >>> halfBits;
    long right = value & mask;
    for (long key : keys) {
      long next = left ^ (mix(right + key) & mask);
      left = right;
      right = next;
    }
    return left << halfBits | right;
  }

  /** Spreads every bit of {@code value} over all 64. */
  static long mix(long value) {
    value = (value ^ value >>> 30) * 0xBF58476D1CE4E5B9L;
    value = (value ^ value >>> 27) * 0x94D049BB133111EBL;
    return value ^ value >>> 31;
  }
}
