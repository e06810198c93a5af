package dev.smalldoge.tokenizer;

import java.util.Arrays;

/** Ids in an array that grows: what an {@link Encoder} appends to. For one thread. */
public final class IdBuffer {
  private int[] ids = new int[1024];
  private int size;

  /** Starts empty. */
  public IdBuffer() {}

  /** Appends one id. */
  public void add(int id) {
    if (size == ids.length) {
      ids = Arrays.copyOf(ids, 2 * size);
    }
    ids[size++] = id;
  }

  /** Appends {@code count} ids of {@code source} from {@code from}. */
  public void add(int[] source, int from, int count) {
    if (ids.length - size < count) {
      ids = Arrays.copyOf(ids, Math.max(size + count, 2 * ids.length));
    }
    System.arraycopy(source, from, ids, size, count);
    size += count;
  }

  /** Number of ids. */
  public int size() {
    return size;
  }

  /** The ids themselves, not a copy; valid below {@link #size} until the next {@code add}. */
  public int[] array() {
    return ids;
  }

  /** A copy of the ids. */
  public int[] toArray() {
    return Arrays.copyOf(ids, size);
  }

  /** A copy of the first ids, {@code most} of them where there are as many. */
  public int[] toArray(int most) {
    return Arrays.copyOf(ids, Math.min(size, most));
  }

  /** Forgets all ids, keeps the room. */
  public void clear() {
    size = 0;
  }
}
