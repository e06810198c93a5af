package dev.smalldoge.tokenizer;

import java.util.Arrays;

/**
 * Byte-pair merges of one piece: the pair of lowest rank first, of equal ones the leftmost, until
 * no pair merges. In n log n steps, so that a piece of a million letters is no trouble. For one
 * thread.
 */
final class PieceMerger {
  private final BytePairModel model;
  private int[] ids = new int[64]; // 0 or more; -1 where merged away
  private int[] previous = new int[64];
  private int[] next = new int[64];
  private long[] heap = new long[64]; // rank << 32 | place of the left id, lowest first
  private int heapSize;

  PieceMerger(BytePairModel model) {
    this.model = model;
  }

  /** Appends the ids of a piece to {@code into}. */
  void merge(byte[] text, int from, int to, IdBuffer into) {
    int length = to - from;
    reserve(length);
    heapSize = 0;
    for (int i = 0; i < length; i++) {
      ids[i] = model.byteId(text[from + i] & 0xff);
      previous[i] = i - 1;
      next[i] = i + 1;
    }
    for (int i = 0; i + 1 < length; i++) {
      propose(i, length);
    }
    while (heapSize > 0) {
      long top = pop();
      apply((int) top, top >>> 32, length);
    }
    for (int i = 0; i < length; i = next[i]) {
      into.add(ids[i]);
    }
  }

  /** Merges the ids at {@code place} and after it, if that pair still has {@code rank}. */
  private void apply(int place, long rank, int length) {
    int right = next[place];
    if (ids[place] < 0 || right >= length) {
      return;
    }
    long merge = model.merge(ids[place], ids[right]);
    if (merge < 0 || merge >>> 32 != rank) {
      return; // one of the two has been merged with another since
    }
    ids[place] = (int) merge;
    ids[right] = -1;
    int after = next[right];
    next[place] = after;
    if (after < length) {
      previous[after] = place;
      propose(place, length);
    }
    if (previous[place] >= 0) {
      propose(previous[place], length);
    }
  }

  /** Puts the pair at {@code place} on the heap, if it merges. */
  private void propose(int place, int length) {
    int right = next[place];
    if (right >= length) {
      return;
    }
    long merge = model.merge(ids[place], ids[right]);
    if (merge >= 0) {
      push((merge & ~0xffff_ffffL) | place);
    }
  }

  private void push(long value) {
    if (heapSize == heap.length) {
      heap = Arrays.copyOf(heap, 2 * heapSize);
    }
    int at = heapSize++;
    while (at > 0 && heap[(at - 1) >> 1] > value) {
      heap[at] = heap[(at - 1) >> 1];
      at = (at - 1) >> 1;
    }
    heap[at] = value;
  }

  private long pop() {
    long top = heap[0];
    long last = heap[--heapSize];
    int at = 0;
    while (2 * at + 1 < heapSize) {
      int child = 2 * at + 1;
      if (child + 1 < heapSize && heap[child + 1] < heap[child]) {
        child++;
      }
      if (heap[child] >= last) {
        break;
      }
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return top;
  }

  private void reserve(int length) {
    if (ids.length < length) {
      int room = Math.max(length, 2 * ids.length);
      ids = new int[room];
      previous = new int[room];
      next = new int[room];
    }
  }
}
