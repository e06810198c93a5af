package dev.smalldoge.data;

import static dev.smalldoge.config.Checks.check;

/**
 * The order in which Python's numpy shuffles: {@code numpy.random.default_rng(seed)
 * .permutation(count)}, number by number. The {@code datasets} library shuffles and splits by it.
 *
 * <p>Unlike {@link SeededOrder} it must be made as a whole, four bytes for each thing.
 *
 * <p>Source: numpy 2.4, {@code SeedSequence}, {@code PCG64} (M. O'Neill's PCG XSL RR 128/64) and
 * {@code Generator.shuffle}, which draws 32 bits until those that count are no more than wanted.
 */
final class NumpyOrder {
  private static final int POOL = 4;
  private static final long MULTIPLIER_HIGH = 2549297995355413924L;
  private static final long MULTIPLIER_LOW = 4865540595714422341L;

  private long stateHigh;
  private long stateLow;
  private final long incrementHigh;
  private final long incrementLow;
  private long halfLeft = -1; // the upper 32 bits of the latest number, until they are drawn

  private NumpyOrder(long seed) {
    long[] words = state(pool(seed));
    incrementHigh = words[2] << 1 | words[3] >>> 63;
    incrementLow = words[3] << 1 | 1;
    step();
    stateLow += words[1];
    stateHigh += words[0] + (Long.compareUnsigned(stateLow, words[1]) < 0 ? 1 : 0);
    step();
  }

  /**
   * The numbers 0 to {@code count - 1} as numpy shuffles them.
   *
   * @param seed at least 0
   */
  static int[] permutation(int count, long seed) {
    check(seed >= 0, "the seed %d is negative, which numpy refuses; use 233", seed);
    NumpyOrder random = new NumpyOrder(seed);
    int[] order = new int[count];
    for (int i = 0; i < count; i++) {
      order[i] = i;
    }
    for (int i = count - 1; i > 0; i--) {
      int j = random.upTo(i);
      int one = order[i];
      order[i] = order[j];
      order[j] = one;
    }
    return order;
  }

  /** A number of 0 to {@code most}, at least 1, all equally likely. */
  private int upTo(int most) {
    int mask = -1 >>> Integer.numberOfLeadingZeros(most);
    int drawn = next32() & mask;
    while (drawn > most) {
      drawn = next32() & mask;
    }
    return drawn;
  }

  private int next32() {
    if (halfLeft >= 0) {
      int half = (int) halfLeft;
      halfLeft = -1;
      return half;
    }
    step();
    long next = Long.rotateRight(stateHigh ^ stateLow, (int) (stateHigh >>> 58));
    halfLeft = next >>> 32;
    return (int) next;
  }

  /** Multiplies the 128 bits of state by the multiplier and adds the increment. */
  private void step() {
    long high =
        unsignedHigh(stateLow, MULTIPLIER_LOW)
            + stateHigh * MULTIPLIER_LOW
            + stateLow * MULTIPLIER_HIGH;
    stateLow = stateLow * MULTIPLIER_LOW + incrementLow;
    int carry = Long.compareUnsigned(stateLow, incrementLow) < 0 ? 1 : 0;
    stateHigh = high + incrementHigh + carry;
  }

  private static long unsignedHigh(long a, long b) {
    return Math.multiplyHigh(a, b) + (a >> 63 & b) + (b >> 63 & a);
  }

  /** Mixes the seed's 32-bit words, lowest first, into four. */
  private static int[] pool(long seed) {
    int[] hash = {0x43b0d7e5};
    int[] pool = {hashed((int) seed, hash), hashed((int) (seed >>> 32), hash), 0, 0};
    pool[2] = hashed(0, hash);
    pool[3] = hashed(0, hash);
    for (int from = 0; from < POOL; from++) {
      for (int to = 0; to < POOL; to++) {
        if (from != to) {
          int mixed = 0xca01f9dd * pool[to] - 0x4973f715 * hashed(pool[from], hash);
          pool[to] = mixed ^ mixed >>> 16;
        }
      }
    }
    return pool;
  }

  private static int hashed(int value, int[] hash) {
    int mixed = value ^ hash[0];
    hash[0] *= 0x931e8875;
    mixed *= hash[0];
    return mixed ^ mixed >>> 16;
  }

  /** Four 64-bit words of the pool: start, high and low; sequence, high and low. */
  private static long[] state(int[] pool) {
    long[] words = new long[4];
    int hash = 0x8b51f9dd;
    for (int i = 0; i < 8; i++) {
      int word = pool[i % POOL] ^ hash;
      hash *= 0x58f38ded;
      word *= hash;
      word ^= word >>> 16;
      words[i / 2] |= (word & 0xffff_ffffL) << (32 * (i % 2));
    }
    return words;
  }
}
