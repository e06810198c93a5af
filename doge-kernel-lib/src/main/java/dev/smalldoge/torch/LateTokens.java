package dev.smalldoge.torch;

import com.sun.jna.Pointer;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Tokens (rows, columns) that kernels write straight into the host's memory, read a block at a time
 * when the device has come that far, while it goes on.
 */
public final class LateTokens implements AutoCloseable {
  private static final int MOST_BLOCKS = 2;

  private final int rows;
  private final int columns;
  private final long memory;
  private final long[] events = new long[MOST_BLOCKS];
  private final Deque<Block> unread = new ArrayDeque<>();
  private int next;
  private int marked;

  /** Columns that are there when the device reaches the event. */
  private record Block(int start, int end, long event) {}

  /** Memory for so many tokens, of the current device. */
  LateTokens(int rows, int columns) {
    this.rows = rows;
    this.columns = columns;
    this.memory = Cuda.pinned(8L * rows * columns);
    for (int i = 0; i < MOST_BLOCKS; i++) {
      events[i] = Cuda.event();
    }
  }

  /** Where kernels write, INT64; the same address on the host and on every device. */
  long address() {
    return memory;
  }

  int columns() {
    return columns;
  }

  /** Forgets what was not read: column 0 comes next. */
  public void restart() {
    unread.clear();
    marked = 0;
  }

  /** What is queued so far ends a block, whose columns go up to {@code end}. */
  public void mark(int end) {
    if (unread.size() == MOST_BLOCKS) {
      throw new IllegalStateException("read a block before a third is asked for");
    }
    long event = events[next];
    next = (next + 1) % MOST_BLOCKS;
    Cuda.record(event);
    unread.add(new Block(marked, end, event));
    marked = end;
  }

  /** The oldest block that was not read, (rows, its columns); waits for it. */
  public long[][] read() {
    Block block = unread.remove();
    Cuda.await(block.event);
    Pointer tokens = new Pointer(memory);
    long[][] read = new long[rows][];
    for (int row = 0; row < rows; row++) {
      long at = 8L * ((long) row * columns + block.start);
      read[row] = tokens.getLongArray(at, block.end - block.start);
    }
    return read;
  }

  /** Waits for every block, and gives the memory back. */
  @Override
  public void close() {
    for (long event : events) {
      Cuda.await(event);
      Cuda.destroyEvent(event);
    }
    Cuda.freePinned(memory);
  }
}
