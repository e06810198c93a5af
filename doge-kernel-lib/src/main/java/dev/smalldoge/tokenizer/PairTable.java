package dev.smalldoge.tokenizer;

/**
 * A hash table from pairs of ids to numbers of at least 0. Once it is filled, threads may read it
 * together.
 */
final class PairTable {
  private static final long MIX = 0x9E3779B97F4A7C15L;

  private long[] slots; // key + 1, value, …; a key of 0 is an empty slot
  private int shift;
  private int size;

  PairTable(int capacity) {
    int bits = 33 - Integer.numberOfLeadingZeros(Math.max(16, capacity) - 1);
    slots = new long[2 << bits];
    shift = 64 - bits;
  }

  /** A pair as one number, in the order of its left id, then of its right one. */
  static long key(int left, int right) {
    return (long) left << 32 | right;
  }

  /** Number of pairs. */
  int size() {
    return size;
  }

  /** The value of a pair, or -1. */
  long get(long key) {
    int mask = slots.length - 1;
    int at = (int) ((key * MIX) >>> shift) << 1;
    while (true) {
      long there = slots[at];
      if (there == key + 1) {
        return slots[at + 1];
      }
      if (there == 0) {
        return -1;
      }
      at = (at + 2) & mask;
    }
  }

  /** Gives a pair that is not there a value. */
  void put(long key, long value) {
    int mask = slots.length - 1;
    int at = (int) ((key * MIX) >>> shift) << 1;
    while (slots[at] != 0) {
      at = (at + 2) & mask;
    }
    slots[at] = key + 1;
    slots[at + 1] = value;
    if (++size > slots.length / 4) {
      grow();
    }
  }

  private void grow() {
    long[] old = slots;
    slots = new long[2 * old.length];
    shift--;
    size = 0;
    for (int from = 0; from < old.length; from += 2) {
      if (old[from] != 0) {
        put(old[from] - 1, old[from + 1]);
      }
    }
  }
}
