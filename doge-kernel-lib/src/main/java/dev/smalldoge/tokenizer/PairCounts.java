package dev.smalldoge.tokenizer;

import java.util.Arrays;

/**
 * How often each pair of neighbours occurs and in which words, and the most frequent of them: of
 * equal ones that with the lower left id, then the lower right one. For one thread.
 */
final class PairCounts {
  private final PairTable indexes = new PairTable(1 << 16);
  private long[] keys = new long[1 << 16];
  private long[] counts = new long[1 << 16];
  private int[][] words = new int[1 << 16][];
  private int[] wordCounts = new int[1 << 16];
  private boolean[] isRisen = new boolean[1 << 16];
  private int size;
  private int[] risen = new int[64]; // pairs whose count has gone up since offerRisen()
  private int risenCount;

  private long[] heapCounts = new long[1 << 16]; // never below the pair's true count
  private int[] heapPairs = new int[1 << 16];
  private int heapSize;

  /** Adds to a pair's count and notes that {@code word} may hold it. */
  void add(int left, int right, long count, int word) {
    long key = PairTable.key(left, right);
    int pair = (int) indexes.get(key);
    if (pair < 0) {
      pair = insert(key);
    }
    counts[pair] += count;
    int[] where = words[pair];
    int used = wordCounts[pair];
    if (used == 0 || where[used - 1] != word) {
      if (used == where.length) {
        where = Arrays.copyOf(where, 2 * used);
        words[pair] = where;
      }
      where[used] = word;
      wordCounts[pair]++;
    }
    if (!isRisen[pair]) {
      isRisen[pair] = true;
      if (risenCount == risen.length) {
        risen = Arrays.copyOf(risen, 2 * risenCount);
      }
      risen[risenCount++] = pair;
    }
  }

  private int insert(long key) {
    if (size == keys.length) {
      keys = Arrays.copyOf(keys, 2 * size);
      counts = Arrays.copyOf(counts, 2 * size);
      words = Arrays.copyOf(words, 2 * size);
      wordCounts = Arrays.copyOf(wordCounts, 2 * size);
      isRisen = Arrays.copyOf(isRisen, 2 * size);
    }
    keys[size] = key;
    words[size] = new int[2];
    indexes.put(key, size);
    return size++;
  }

  /** Takes from the count of a pair that is there. */
  void subtract(int left, int right, long count) {
    counts[(int) indexes.get(PairTable.key(left, right))] -= count;
  }

  int left(int pair) {
    return (int) (keys[pair] >>> 32);
  }

  int right(int pair) {
    return (int) keys[pair];
  }

  /** How often a pair occurs. */
  long count(int pair) {
    return counts[pair];
  }

  /** Words that may hold a pair, valid below {@link #wordCount}; some more than once. */
  int[] words(int pair) {
    return words[pair];
  }

  int wordCount(int pair) {
    return wordCounts[pair];
  }

  /** A pair that has been merged everywhere: forgets where it was. */
  void clear(int pair) {
    counts[pair] = 0;
    words[pair] = new int[2];
    wordCounts[pair] = 0;
  }

  /** Lets {@link #mostFrequent} see the counts that have gone up. */
  void offerRisen() {
    for (int i = 0; i < risenCount; i++) {
      isRisen[risen[i]] = false;
      offer(risen[i]);
    }
    risenCount = 0;
  }

  /** The most frequent pair, or -1 where none is left. */
  int mostFrequent() {
    while (heapSize > 0) {
      int pair = heapPairs[0];
      long told = heapCounts[0];
      removeTop();
      if (counts[pair] == told) {
        return pair;
      }
      offer(pair); // it has become rarer since; its turn comes later
    }
    return -1;
  }

  private void offer(int pair) {
    if (counts[pair] <= 0) {
      return;
    }
    if (heapSize == heapPairs.length) {
      heapPairs = Arrays.copyOf(heapPairs, 2 * heapSize);
      heapCounts = Arrays.copyOf(heapCounts, 2 * heapSize);
    }
    int at = heapSize++;
    while (at > 0 && before(counts[pair], pair, (at - 1) >> 1)) {
      move((at - 1) >> 1, at);
      at = (at - 1) >> 1;
    }
    heapCounts[at] = counts[pair];
    heapPairs[at] = pair;
  }

  private void removeTop() {
    int last = --heapSize;
    long count = heapCounts[last];
    int pair = heapPairs[last];
    int at = 0;
    while (2 * at + 1 < heapSize) {
      int child = 2 * at + 1;
      if (child + 1 < heapSize && before(heapCounts[child + 1], heapPairs[child + 1], child)) {
        child++;
      }
      if (!before(heapCounts[child], heapPairs[child], count, pair)) {
        break;
      }
      move(child, at);
      at = child;
    }
    heapCounts[at] = count;
    heapPairs[at] = pair;
  }

  private void move(int from, int to) {
    heapCounts[to] = heapCounts[from];
    heapPairs[to] = heapPairs[from];
  }

  private boolean before(long count, int pair, int other) {
    return before(count, pair, heapCounts[other], heapPairs[other]);
  }

  private boolean before(long count, int pair, long otherCount, int otherPair) {
    return count != otherCount ? count > otherCount : keys[pair] < keys[otherPair];
  }
}
